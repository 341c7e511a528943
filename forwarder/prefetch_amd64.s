//go:build !purego

#include "textflag.h"

#define ONE(i) \
	MOVL       (4*i)(SI), AX \
	SHLQ       $6, AX        \
	PREFETCHT0 (R8)(AX*1)

// func prefetchAdjacencies(adj *vrftable.Adjacency, hops *[MaxBurst]lpm.Hop, n uint)
TEXT ·prefetchAdjacencies(SB), NOSPLIT, $0-24
	MOVQ adj+0(FP), R8
	MOVQ hops+8(FP), SI
	MOVQ n+16(FP), CX

eight:
	ONE(0)
	ONE(1)
	ONE(2)
	ONE(3)
	ONE(4)
	ONE(5)
	ONE(6)
	ONE(7)
	ADDQ $32, SI
	SUBQ $8, CX
	JGT  eight
	RET
