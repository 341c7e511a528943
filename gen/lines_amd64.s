//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// UNPACK makes the frame at AX of the packed line at DX.
#define UNPACK \
	PREFETCHNTA    2048(DX)         \
	VBROADCASTI128 (DX), Y0         \
	VBROADCASTI128 16(DX), Y1       \
	VPSHUFB        Y6, Y0, Y0       \
	VPSHUFB        Y7, Y1, Y1       \
	VPOR           Y4, Y0, Y0       \
	VPOR           Y5, Y1, Y1       \
	VMOVDQU        Y0, (R8)(AX*1)   \
	VMOVDQU        Y1, 32(R8)(AX*1)

// NEXT goes on to the next frame.
#define NEXT \
	VPADDD X3, X2, X2           \
	ADDQ   $const_packedLen, DX \
	ADDQ   $16, SI              \
	CMPQ   SI, CX

// func unpackLines(d *packet.Desc, n int, mem *byte, most int, packed *[packedLen]byte, f *form, first *packet.Desc, stride uint32) int
//
// Lines are prefetched half a page ahead, past the caches, whose room the router needs: each is read once a round, and hardware
// prefetchers stop at the end of each page.
//
//	SI descriptor, CX the last one's end, R8 mem, R9 most, DX packed line, AX place of the frame, R15 stride
//	X2 the frame's descriptor, X3 the next one's less this, Y4 and Y5 what lines have in common, Y6 and Y7 where each has its own
TEXT ·unpackLines(SB), NOSPLIT, $0-72
	MOVQ    d+0(FP), SI
	MOVQ    n+8(FP), CX
	MOVQ    mem+16(FP), R8
	MOVQ    most+24(FP), R9
	MOVQ    packed+32(FP), DX
	MOVQ    f+40(FP), BX
	VMOVDQU form_common(BX), Y4
	VMOVDQU (form_common+32)(BX), Y5
	VMOVDQU form_from(BX), Y6
	VMOVDQU (form_from+32)(BX), Y7
	MOVQ    first+48(FP), BX
	VMOVDQU (BX), X2
	MOVL    (BX), AX
	MOVL    stride+56(FP), R15
	MOVQ    $0x100000000, R13
	VMOVQ   R15, X3
	VPINSRQ $1, R13, X3, X3
	SHLQ    $4, CX
	ADDQ    SI, CX
	TESTL   R15, R15
	JNZ     slot
	PCALIGN $32

line:
	MOVL (SI), AX
	CMPQ AX, R9
	JGT  done
	UNPACK
	VPINSRD $0, AX, X2, X2
	VMOVDQU X2, (SI)
	NEXT
	JNE  line
	JMP  done
	PCALIGN $32

slot:
	UNPACK
	VMOVDQU X2, (SI)
	ADDQ    R15, AX
	NEXT
	JNE     slot

done:
	SUBQ d+0(FP), SI
	SHRQ $4, SI
	MOVQ SI, ret+64(FP)
	VZEROUPPER
	RET
