//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The AVX-512 kernels look 16 addresses up at a time: a gather for the root, one for the leaf, and with ids one for the hop.
// Registers throughout:
//
//	SI addrs or keys, DI hops, CX lanes left, R8 root, R9 leaves, R10 ids or nil
//	Z16 chunkLen-1, Z17 offsetMask, Z18 255, Z19 escape, Z24 1, K7 all lanes
//	R14 groups of 16 done, BX bits of the escapes' word in the making, DX where it goes

#define CONSTANTS \
	MOVL         $63, AX               \
	VPBROADCASTD AX, Z16               \
	MOVL         $const_offsetMask, AX \
	VPBROADCASTD AX, Z17               \
	MOVL         $255, AX              \
	VPBROADCASTD AX, Z18               \
	MOVL         $1, AX                \
	VPBROADCASTD AX, Z24               \
	KXNORW       K7, K7, K7

// GATHER readies a gather's mask and destination without waiting for the last one's: it clears the first, merges into
// the second.
#define GATHER(mask, dst) \
	KMOVW  K7, mask       \
	VPXORD dst, dst, dst

// LOOKUP leaves the leaves of the addresses in Z0 in Z4, and their root entries in Z2. It uses Z1..Z4, K1.
#define LOOKUP \
	VPSRLD     $14, Z0, Z1                               \
	GATHER(K1, Z2)                                       \
	VPGATHERDD (R8)(Z1*4), K1, Z2                        \
	VPSRLD     $8, Z0, Z3                                \
	VPANDD     Z16, Z3, Z3                               \
	VPSRLD     $const_strideShift, Z2, Z4                \
	VPSRLVD    Z4, Z3, Z3                                \
	VPSRLD     $(const_claimBits-const_unitBits), Z2, Z4 \
	VPANDD     Z17, Z4, Z4                               \
	VPADDD     Z4, Z3, Z3                                \
	GATHER(K1, Z4)                                       \
	VPGATHERDD (R9)(Z3*1), K1, Z4                        \
	VPANDD     Z18, Z4, Z4

// TRANSLATE turns leaves into hops. It uses K1, Z2, Z4.
#define TRANSLATE \
	VMOVDQA32  Z4, Z2             \
	GATHER(K1, Z4)                \
	VPGATHERDD (R10)(Z2*4), K1, Z4

// MARK shifts the mask of a group of 16 into the word in the making. It uses AX.
#define MARK(mask, word) \
	KMOVW mask, AX \
	SHLQ  $48, AX  \
	SHRQ  $16, word \
	ORQ   AX, word

// func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)
TEXT ·burst512(SB), NOSPLIT, $0-64
	MOVQ         addrs+0(FP), SI
	MOVQ         hops+8(FP), DI
	MOVQ         n+16(FP), CX
	MOVQ         root+24(FP), R8
	MOVQ         leaves+32(FP), R9
	MOVQ         ids+40(FP), R10
	MOVL         escape+48(FP), AX
	VPBROADCASTD AX, Z19
	MOVQ         escapes+56(FP), DX
	XORQ         BX, BX
	XORQ         R14, R14
	CONSTANTS

loop:
	VMOVDQU32 (SI), Z0
	LOOKUP
	TESTQ     R10, R10
	JZ        direct
	TRANSLATE

direct:
	VPCMPEQD  Z19, Z4, K4
	VMOVDQU32 Z4, (DI)
	MARK(K4, BX)
	INCQ      R14
	TESTQ     $3, R14
	JNZ       partial
	MOVQ      BX, (DX)
	ADDQ      $8, DX

partial:
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JNZ  loop

	// The last word, where it is not full.
	NEGQ R14
	ANDQ $3, R14
	JZ   done
	MOVQ R14, CX
	SHLQ $4, CX
	SHRQ CX, BX
	MOVQ BX, (DX)

done:
	VZEROUPPER
	RET

DATA even<>+0(SB)/4, $0
DATA even<>+4(SB)/4, $2
DATA even<>+8(SB)/4, $4
DATA even<>+12(SB)/4, $6
DATA even<>+16(SB)/4, $8
DATA even<>+20(SB)/4, $10
DATA even<>+24(SB)/4, $12
DATA even<>+28(SB)/4, $14
DATA even<>+32(SB)/4, $16
DATA even<>+36(SB)/4, $18
DATA even<>+40(SB)/4, $20
DATA even<>+44(SB)/4, $22
DATA even<>+48(SB)/4, $24
DATA even<>+52(SB)/4, $26
DATA even<>+56(SB)/4, $28
DATA even<>+60(SB)/4, $30
GLOBL even<>(SB), RODATA|NOPTR, $64

// SPLIT leaves the addresses of the 16 keys at SI in Z0 and their second dwords, table | flags<<16, in Z5. It takes
// even and odd dwords in Z20 and Z21, and uses Z6, Z7.
#define SPLIT \
	VMOVDQU32 (SI), Z6   \
	VMOVDQU32 64(SI), Z7 \
	VMOVDQA32 Z20, Z0    \
	VPERMI2D  Z7, Z6, Z0 \
	VMOVDQA32 Z21, Z5    \
	VPERMI2D  Z7, Z6, Z5

// PICK appends the lanes K4 of numbers to the list at R15, which has R11. It uses AX, Z8.
#define PICK(numbers) \
	KMOVW         K4, AX           \
	VPCOMPRESSD.Z numbers, K4, Z8  \
	VPMOVDB       Z8, X8           \
	VMOVDQU       X8, (R15)(R11*1) \
	POPCNTL       AX, AX           \
	ADDQ          AX, R11

// func pick512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64,
//	list *uint8) int
//
// The parent's lookup; the numbers of the keys with a claim are picked into a list.
//
//	R11 keys picked, R15 their numbers
//	Z20 even, Z21 odd dwords, Z22 15, Z23 claimsOf, Z25 Fallback in a key's second dword, Z26 numbers, Z27 16, Z28 claimMask
TEXT ·pick512(SB), NOSPLIT, $0-80
	MOVQ         keys+0(FP), SI
	MOVQ         hops+8(FP), DI
	MOVQ         n+16(FP), CX
	MOVQ         root+24(FP), R8
	MOVQ         leaves+32(FP), R9
	MOVQ         ids+40(FP), R10
	MOVL         escape+48(FP), AX
	VPBROADCASTD AX, Z19
	MOVQ         escapes+56(FP), DX
	MOVQ         list+64(FP), R15
	XORQ         BX, BX
	XORQ         R11, R11
	XORQ         R14, R14
	CONSTANTS
	MOVL         $0x10000, AX
	VPBROADCASTD AX, Z25
	MOVL         $15, AX
	VPBROADCASTD AX, Z22
	VBROADCASTI32X4 ·claimsOf(SB), Z23
	MOVL         $const_claimMask, AX
	VPBROADCASTD AX, Z28
	MOVL         $16, AX
	VPBROADCASTD AX, Z27
	VMOVDQU32    even<>(SB), Z20
	VPADDD       Z24, Z20, Z21
	VPSRLD       $1, Z20, Z26

loop:
	SPLIT
	LOOKUP

	// Which of the table's claims the root entry has not.
	VPANDD    Z22, Z5, Z6
	VPSHUFB   Z6, Z23, Z6
	VPANDND   Z6, Z2, Z6
	VPTESTNMD Z28, Z6, K4
	PICK(Z26)
	VPADDD   Z27, Z26, Z26

	TESTQ R10, R10
	JZ    direct
	TRANSLATE

direct:
	// No Fallback: no answer of the parent.
	VPTESTMD    Z25, Z5, K3
	VMOVDQA32.Z Z4, K3, Z4
	VPCMPEQD    Z19, Z4, K4
	VMOVDQU32   Z4, (DI)
	MARK(K4, BX)
	INCQ        R14
	TESTQ       $3, R14
	JNZ         partial
	MOVQ        BX, (DX)
	ADDQ        $8, DX

partial:
	ADDQ $128, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JNZ  loop

	// The last word, where it is not full.
	NEGQ R14
	ANDQ $3, R14
	JZ   done
	MOVQ R14, CX
	SHLQ $4, CX
	SHRQ CX, BX
	MOVQ BX, (DX)

done:
	MOVQ R11, ret+72(FP)
	VZEROUPPER
	RET
