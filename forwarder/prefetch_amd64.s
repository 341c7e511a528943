//go:build !purego

#include "textflag.h"

// func prefetchAdjacencies(adj *vrftable.Adjacency, hops *lpm.Hop, n uint)
TEXT ·prefetchAdjacencies(SB), NOSPLIT, $0-24
	MOVQ adj+0(FP), R8
	MOVQ hops+8(FP), SI
	MOVQ n+16(FP), CX

loop:
	MOVL       (SI), AX
	SHLQ       $6, AX
	PREFETCHT0 (R8)(AX*1)
	ADDQ       $4, SI
	DECQ       CX
	JNZ        loop
	RET
