//go:build !purego

#include "textflag.h"

// func prefetch(base *byte, d *Desc, n int)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVQ base+0(FP), R8
	MOVQ d+8(FP), SI
	MOVQ n+16(FP), CX

loop:
	MOVL (SI), AX
	BYTE $0x41; BYTE $0x0f; BYTE $0x0d; BYTE $0x0c; BYTE $0x00 // PREFETCHW (R8)(AX*1), which the assembler does not know
	ADDQ $16, SI
	DECQ CX
	JNZ  loop
	RET
