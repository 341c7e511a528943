//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// func tallyFrames(d *packet.Desc, n int, mem *byte, most int, flows *tally, count int, base uint32, ahead, step uintptr) (
//	done int, wrong, bytes uint64)
//
//	SI descriptor, CX the last one's end, R8 mem, R9 most, DI flows, R10 count, R11 base, R12 from line to line, R13 bytes, R14 minFrame, R15 ahead
TEXT ·tallyFrames(SB), NOSPLIT, $0-96
	MOVQ d+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ mem+16(FP), R8
	MOVQ most+24(FP), R9
	MOVQ flows+32(FP), DI
	MOVQ count+40(FP), R10
	MOVL base+48(FP), R11
	MOVQ ahead+56(FP), R15
	MOVQ $0, wrong+80(FP)
	MOVQ step+64(FP), R12
	XORL R13, R13
	MOVL $const_minFrame, R14
	SHLQ $4, CX
	ADDQ SI, CX
	PCALIGN $32

frame:
	PREFETCHNTA (R15)
	ADDQ    R12, R15
	MOVL    12(SI), AX
	SUBL    R11, AX
	CMPQ    AX, R10
	JGE     done
	MOVL    (SI), DX
	CMPQ    DX, R9
	JGT     done
	MOVWLZX 14(R8)(DX*1), BX
	MOVWLZX 8(SI), DX
	INCL    (DI)(AX*8)
	CMPW    BX, tally_next(DI)(AX*8)
	JNE     wrong
	CMPW    DX, tally_port(DI)(AX*8)
	JNE     wrong

next:
	MOVWLZX 4(SI), BX
	CMPL    BX, R14
	CMOVLCS R14, BX
	ADDQ    BX, R13
	ADDQ    $16, SI
	CMPQ    SI, CX
	JNE     frame

done:
	SUBQ d+0(FP), SI
	SHRQ $4, SI
	MOVQ SI, done+72(FP)
	MOVQ R13, bytes+88(FP)
	RET

wrong:
	INCQ wrong+80(FP)
	JMP  next
