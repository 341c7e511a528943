//go:build !purego

#include "textflag.h"

// LINE makes the frame at AX of the line that belongs to the descriptor at SI, and the descriptor.
#define LINE \
	PREFETCHNTA 2048(DX)(SI*4)     \
	VMOVDQU     (DX)(SI*4), Y0     \
	VMOVDQU     32(DX)(SI*4), Y1   \
	MOVWLZX     60(DX)(SI*4), DI   \ // port
	MOVBLZX     62(DX)(SI*4), BX   \ // place of the sequence number, in the line as lines are made
	ADDQ        AX, BX             \
	VMOVDQU     Y0, (R8)(AX*1)     \
	VMOVDQU     Y1, 32(R8)(AX*1)   \
	MOVL        R12, (R8)(BX*1)    \
	ORQ         R10, AX            \
	ORQ         R11, DI            \
	MOVQ        AX, (SI)           \
	MOVQ        DI, 8(SI)          \
	ADDQ        R13, R11           \
	ADDQ        $16, SI            \
	CMPQ        SI, CX

// func copyLines(d *packet.Desc, n int, mem *byte, most int, lines *[LineLen]byte, length, mark, seq, off, stride uint32) int
//
// Lines are prefetched half a page ahead, past the caches, whose room the router needs: each is read once a round, and hardware
// prefetchers stop at the end of each page.
TEXT ·copyLines(SB), NOSPLIT, $0-72
	MOVQ d+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ mem+16(FP), R8
	MOVQ most+24(FP), R9
	MOVQ lines+32(FP), DX
	MOVL length+40(FP), R10
	MOVL mark+44(FP), R11
	MOVL seq+48(FP), R12
	MOVL off+52(FP), R14
	MOVL stride+56(FP), R15
	BSWAPL R12
	SHLQ $32, R10            // Len, TCI behind Off
	SHLQ $32, R11            // Mark behind Port, Flags
	MOVQ $0x100000000, R13
	SHLQ $4, CX
	ADDQ SI, CX
	LEAQ (SI*4), AX          // a descriptor's line is 4 times its place behind DX
	SUBQ AX, DX
	TESTL R15, R15
	JNZ  slot
	PCALIGN $32

line:
	MOVL (SI), AX
	CMPQ AX, R9
	JGT  done
	LINE
	JNE  line
	JMP  done
	PCALIGN $32

slot:
	MOVL R14, AX
	CMPQ AX, R9
	JGT  done
	ADDL R15, R14
	LINE
	JNE  slot

done:
	SUBQ d+0(FP), SI
	SHRQ $4, SI
	MOVQ SI, ret+64(FP)
	VZEROUPPER
	RET
