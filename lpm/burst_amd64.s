//go:build !purego

#include "textflag.h"

// The kernels look 16 addresses up at a time: a gather for the root, one for the leaf, and with ids one for the hop.
// Registers throughout:
//
//	SI addrs or keys, DI hops, CX lanes left, R8 root, R9 leaves, R10 ids or nil
//	Z16 chunkLen-1, Z17 7, Z18 255, Z19 OR of all hops + 1, Z24 1, K7 all lanes

#define CONSTANTS \
	MOVL         $63, AX    \
	VPBROADCASTD AX, Z16    \
	MOVL         $7, AX     \
	VPBROADCASTD AX, Z17    \
	MOVL         $255, AX   \
	VPBROADCASTD AX, Z18    \
	MOVL         $1, AX     \
	VPBROADCASTD AX, Z24    \
	VPXORD       Z19, Z19, Z19 \
	KXNORW       K7, K7, K7

// GATHER readies a gather's mask and destination without waiting for the last one's: it clears the first, merges into
// the second.
#define GATHER(mask, dst) \
	KMOVW  K7, mask       \
	VPXORD dst, dst, dst

// LOOKUP leaves the leaves of the addresses in Z0 in Z4. It uses Z1..Z4, K1.
#define LOOKUP \
	VPSRLD     $14, Z0, Z1        \
	GATHER(K1, Z2)                \
	VPGATHERDD (R8)(Z1*4), K1, Z2 \
	VPSRLD     $8, Z0, Z3         \
	VPANDD     Z16, Z3, Z3        \
	VPANDD     Z17, Z2, Z4        \
	VPSRLVD    Z4, Z3, Z3         \
	VPSRLD     $3, Z2, Z2         \
	VPADDD     Z2, Z3, Z3         \
	GATHER(K1, Z4)                \
	VPGATHERDD (R9)(Z3*1), K1, Z4 \
	VPANDD     Z18, Z4, Z4

// TRANSLATE turns leaves into hops. It uses K1, Z2, Z4.
#define TRANSLATE \
	VMOVDQA32  Z4, Z2             \
	GATHER(K1, Z4)                \
	VPGATHERDD (R10)(Z2*4), K1, Z4

// REDUCE leaves the OR of the lanes of Z19 in AX. It uses Z0, Z19.
#define REDUCE \
	VEXTRACTI64X4 $1, Z19, Y0  \
	VPORD         Y0, Y19, Y0  \
	VEXTRACTI128  $1, Y0, X1   \
	VPOR          X1, X0, X0   \
	VPSHUFD       $0x4e, X0, X1 \
	VPOR          X1, X0, X0   \
	VPSHUFD       $0xb1, X0, X1 \
	VPOR          X1, X0, X0   \
	VMOVD         X0, AX

// func burst512(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32) (any uint32)
TEXT ·burst512(SB), NOSPLIT, $0-52
	MOVQ addrs+0(FP), SI
	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ root+24(FP), R8
	MOVQ leaves+32(FP), R9
	MOVQ ids+40(FP), R10
	CONSTANTS

loop:
	VMOVDQU32 (SI), Z0
	LOOKUP
	TESTQ     R10, R10
	JZ        direct
	TRANSLATE

direct:
	VPADDD    Z24, Z4, Z2
	VPORD     Z2, Z19, Z19
	VMOVDQU32 Z4, (DI)
	ADDQ      $64, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNZ       loop

	REDUCE
	MOVL AX, any+48(FP)
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

// func dual512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids, filter, candidates *uint32) (any uint32, count int)
//
//	R11 filter, R12 candidates, R13 their count; Z20 even, Z21 odd dwords, Z22 lane numbers, Z23 16,
//	Z25 Fallback in a key's second dword
TEXT ·dual512(SB), NOSPLIT, $0-80
	MOVQ         keys+0(FP), SI
	MOVQ         hops+8(FP), DI
	MOVQ         n+16(FP), CX
	MOVQ         root+24(FP), R8
	MOVQ         leaves+32(FP), R9
	MOVQ         ids+40(FP), R10
	MOVQ         filter+48(FP), R11
	MOVQ         candidates+56(FP), R12
	XORQ         R13, R13
	CONSTANTS
	MOVL         $16, AX
	VPBROADCASTD AX, Z23
	MOVL         $0x10000, AX
	VPBROADCASTD AX, Z25
	VMOVDQU32    even<>(SB), Z20
	VPADDD       Z24, Z20, Z21
	VPSRLD       $1, Z20, Z22

loop:
	// Z0 addresses, Z5 table | flags<<16.
	VMOVDQU32 (SI), Z6
	VMOVDQU32 64(SI), Z7
	VMOVDQA32 Z20, Z0
	VPERMI2D  Z7, Z6, Z0
	VMOVDQA32 Z21, Z5
	VPERMI2D  Z7, Z6, Z5

	// Filter: bit addr>>24&31 of word table*8 + addr>>29.
	VPSLLD     $16, Z5, Z6
	VPSRLD     $13, Z6, Z6
	VPSRLD     $29, Z0, Z7
	VPADDD     Z7, Z6, Z6
	GATHER(K2, Z7)
	VPGATHERDD (R11)(Z6*4), K2, Z7
	VPSRLD     $24, Z0, Z8
	VPROLVD    Z8, Z24, Z8

	LOOKUP
	TESTQ R10, R10
	JZ    direct
	TRANSLATE

direct:
	// No Fallback: no global answer.
	VPTESTMD    Z25, Z5, K3
	VMOVDQA32.Z Z4, K3, Z4
	VPADDD      Z24, Z4, Z2
	VPORD       Z2, Z19, Z19
	VMOVDQU32   Z4, (DI)

	VPTESTMD     Z8, Z7, K4
	VPCOMPRESSD.Z Z22, K4, Z9
	VMOVDQU32    Z9, (R12)(R13*4)
	KMOVW        K4, AX
	POPCNTL      AX, AX
	ADDQ         AX, R13
	VPADDD       Z23, Z22, Z22

	ADDQ $128, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JNZ  loop

	REDUCE
	MOVL AX, any+64(FP)
	MOVQ     R13, count+72(FP)
	VZEROUPPER
	RET
