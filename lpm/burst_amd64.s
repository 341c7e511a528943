//go:build !purego

#include "funcdata.h"
#include "textflag.h"

// The kernels look 16 addresses up at a time: a gather for the root, one for the leaf, and with ids one for the hop.
// Registers throughout:
//
//	SI addrs or keys, DI hops, CX lanes left, R8 root, R9 leaves, R10 ids or nil
//	Z16 chunkLen-1, Z17 7, Z18 255, Z19 escape, Z24 1, K7 all lanes
//	R14 groups of 16 done, BX bits of the escapes' word in the making, DX where it goes

#define CONSTANTS \
	MOVL         $63, AX    \
	VPBROADCASTD AX, Z16    \
	MOVL         $7, AX     \
	VPBROADCASTD AX, Z17    \
	MOVL         $255, AX   \
	VPBROADCASTD AX, Z18    \
	MOVL         $1, AX     \
	VPBROADCASTD AX, Z24    \
	KXNORW       K7, K7, K7

// GATHER readies a gather's mask and destination without waiting for the last one's: it clears the first, merges into
// the second.
#define GATHER(mask, dst) \
	KMOVW  K7, mask       \
	VPXORD dst, dst, dst

// LOOKUP leaves the leaves of the addresses in Z0 in Z4, and their root entries in Z2. It uses Z1..Z4, K1.
#define LOOKUP \
	VPSRLD     $14, Z0, Z1        \
	GATHER(K1, Z2)                \
	VPGATHERDD (R8)(Z1*4), K1, Z2 \
	VPSRLD     $8, Z0, Z3         \
	VPANDD     Z16, Z3, Z3        \
	VPANDD     Z17, Z2, Z4        \
	VPSRLVD    Z4, Z3, Z3         \
	VPSRLD     $7, Z2, Z4         \
	VPADDD     Z4, Z3, Z3         \
	GATHER(K1, Z4)                \
	VPGATHERDD (R9)(Z3*1), K1, Z4 \
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

// LANES sets mask K5 for the next BX candidates, at most 16. It uses AX, CX.
#define LANES \
	MOVQ    BX, CX     \
	MOVL    $16, AX    \
	CMPQ    CX, AX     \
	CMOVQGT AX, CX     \
	MOVL    $1, AX     \
	SHLL    CX, AX     \
	DECL    AX         \
	KMOVW   AX, K5

// PICK appends the lanes K4 of src, of which there are AX, to the list at dst. It uses tmp.
#define PICK(src, tmp, dst, at) \
	VPCOMPRESSD.Z src, K4, tmp    \
	VMOVDQU32     tmp, (dst)(at*4)

// func dual512(keys *Key, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64,
//	blocks, words, list *uint32) int
//
// First loop: the parent's lookup; the keys with a claim are picked, their addresses, second dwords and numbers each
// into a list. Second loop: the second filter (blockBits) of these.
//
//	R11 keys picked, R12 their addresses, R13 second dwords, R15 numbers; the first two lists in the frame
//	Z20 even, Z21 odd dwords, Z22 3, Z23 lowest claim, Z25 Fallback in a key's second dword, Z26 numbers, Z27 16
TEXT ·dual512(SB), 0, $2176-96
	NO_LOCAL_POINTERS
	MOVQ         keys+0(FP), SI
	MOVQ         hops+8(FP), DI
	MOVQ         n+16(FP), CX
	MOVQ         root+24(FP), R8
	MOVQ         leaves+32(FP), R9
	MOVQ         ids+40(FP), R10
	MOVL         escape+48(FP), AX
	VPBROADCASTD AX, Z19
	MOVQ         escapes+56(FP), DX
	LEAQ         addrs-2176(SP), R12
	LEAQ         tables-1088(SP), R13
	MOVQ         list+80(FP), R15
	XORQ         BX, BX
	XORQ         R11, R11
	XORQ         R14, R14
	CONSTANTS
	MOVL         $0x10000, AX
	VPBROADCASTD AX, Z25
	MOVL         $3, AX
	VPBROADCASTD AX, Z22
	MOVL         $8, AX
	VPBROADCASTD AX, Z23
	MOVL         $16, AX
	VPBROADCASTD AX, Z27
	VMOVDQU32    even<>(SB), Z20
	VPADDD       Z24, Z20, Z21
	VPSRLD       $1, Z20, Z26

loop:
	SPLIT
	LOOKUP

	// Claims: bit addr>>12&3, from 3 on, of the root entry.
	VPSRLD   $12, Z0, Z6
	VPANDD   Z22, Z6, Z6
	VPSRLVD  Z6, Z2, Z6
	VPTESTMD Z23, Z6, K4
	KMOVW    K4, AX
	PICK(Z0, Z6, R12, R11)
	PICK(Z5, Z7, R13, R11)
	PICK(Z26, Z8, R15, R11)
	POPCNTL  AX, AX
	ADDQ     AX, R11
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
	JZ   full
	MOVQ R14, CX
	SHLQ $4, CX
	SHRQ CX, BX
	MOVQ BX, (DX)

full:
	// R8 blocks, R9 words, BX keys left, DX keys done, R14 keys kept
	// Z16 10, Z17 172.16>>20, Z18 192.168>>16, Z20 the hash's factor, Z21 37, Z22 31, Z23 0xffff, Z24 1
	XORQ  R14, R14
	MOVQ  R11, BX
	TESTQ BX, BX
	JZ    done
	MOVQ         blocks+64(FP), R8
	MOVQ         words+72(FP), R9
	XORQ         DX, DX
	MOVL         $10, AX
	VPBROADCASTD AX, Z16
	MOVL         $0xac1, AX
	VPBROADCASTD AX, Z17
	MOVL         $0xc0a8, AX
	VPBROADCASTD AX, Z18
	MOVL         $2654435769, AX
	VPBROADCASTD AX, Z20
	MOVL         $37, AX
	VPBROADCASTD AX, Z21
	MOVL         $31, AX
	VPBROADCASTD AX, Z22
	MOVL         $0xffff, AX
	VPBROADCASTD AX, Z23

filter:
	LANES
	VMOVDQU32.Z (R12)(DX*4), K5, Z0
	VMOVDQU32.Z (R13)(DX*4), K5, Z5
	VMOVDQU32.Z (R15)(DX*4), K5, Z8
	VPANDD      Z23, Z5, Z5
	KMOVW       K5, K1
	VPXORD      Z6, Z6, Z6
	VPGATHERDD  (R8)(Z5*4), K1, Z6

	// The bitmap's word: its first plus hash >> (37 - log2 of the bits).
	VPSRLD     $12, Z0, Z1
	VPMULLD    Z20, Z1, Z1
	VPANDD     Z22, Z6, Z2
	VPSUBD     Z2, Z21, Z2
	VPSRLVD    Z2, Z1, Z2
	VPSRLD     $5, Z6, Z6
	VPADDD     Z2, Z6, Z6
	KMOVW      K5, K1
	VPXORD     Z7, Z7, Z7
	VPGATHERDD (R9)(Z6*4), K1, Z7

	// Its two bits: hash >> 13 and hash >> 8.
	VPSRLD    $13, Z1, Z2
	VPROLVD   Z2, Z24, Z2
	VPSRLD    $8, Z1, Z3
	VPROLVD   Z3, Z24, Z3
	VPORD     Z3, Z2, Z2
	VPANDND   Z2, Z7, Z2
	VPTESTNMD Z2, Z2, K5, K4

	// RFC 1918: 10/8, 172.16/12, 192.168/16.
	VPSRLD   $24, Z0, Z1
	VPCMPEQD Z16, Z1, K5, K1
	KORW     K1, K4, K4
	VPSRLD   $20, Z0, Z1
	VPCMPEQD Z17, Z1, K5, K1
	KORW     K1, K4, K4
	VPSRLD   $16, Z0, Z1
	VPCMPEQD Z18, Z1, K5, K1
	KORW     K1, K4, K4

	KMOVW    K4, AX
	PICK(Z8, Z6, R15, R14)  // at or before what was just read
	POPCNTL   AX, AX
	ADDQ      AX, R14
	ADDQ      $16, DX
	SUBQ      $16, BX
	JG        filter

done:
	MOVQ R14, ret+88(FP)
	VZEROUPPER
	RET

// CHILD steps down one level: lanes K6 have the node's first word in Z2 and the octet in Z3, and get their reference
// in Z4. A pair is read whole, by 64-bit gathers, since it is swapped whole. It uses Z5..Z11, K1.
#define CHILD \
	VPSRLD        $5, Z3, Z5         \
	VPADDD        Z5, Z5, Z5         \
	VPADDD        Z2, Z5, Z5         \
	VEXTRACTI64X4 $1, Z5, Y6         \
	KMOVW         K6, K1             \
	VPXORD        Z7, Z7, Z7         \
	VPGATHERDQ    (R8)(Y5*4), K1, Z7 \
	KSHIFTRW      $8, K6, K1         \
	VPXORD        Z8, Z8, Z8         \
	VPGATHERDQ    (R8)(Y6*4), K1, Z8 \
	VMOVDQA32     Z26, Z9            \
	VPERMI2D      Z8, Z7, Z9         \
	VMOVDQA32     Z27, Z10           \
	VPERMI2D      Z8, Z7, Z10        \
	VPANDND       Z21, Z3, Z11       \
	VPSLLVD       Z11, Z9, Z9        \
	VPOPCNTD      Z9, Z9             \
	VPADDD        Z9, Z10, Z10       \
	KMOVW         K6, K1             \
	VPGATHERDD    (R8)(Z10*4), K1, Z4

// func walk512(keys *Key, hops *Hop, list *uint32, n int, words *uint32)
//
//	Z20 1, Z21 31, Z22 firstNode (and the first word of table 0's root), Z23 firstRange, Z24 0xffff, Z25 firstRange-1,
//	Z26 even, Z27 odd dwords, Z28 255; K5 lanes in use
TEXT ·walk512(SB), NOSPLIT, $0-40
	MOVQ         keys+0(FP), SI
	MOVQ         hops+8(FP), DI
	MOVQ         list+16(FP), DX
	MOVQ         n+24(FP), BX
	MOVQ         words+32(FP), R8
	MOVL         $1, AX
	VPBROADCASTD AX, Z20
	MOVL         $31, AX
	VPBROADCASTD AX, Z21
	MOVL         $0x10000, AX
	VPBROADCASTD AX, Z22
	MOVL         $0x8000000, AX
	VPBROADCASTD AX, Z23
	MOVL         $0xffff, AX
	VPBROADCASTD AX, Z24
	VPSUBD       Z20, Z23, Z25
	VMOVDQU32    even<>(SB), Z26
	VPADDD       Z20, Z26, Z27
	MOVL         $255, AX
	VPBROADCASTD AX, Z28

loop:
	LANES
	VMOVDQU32.Z (DX), K5, Z0

	// Z1 addresses, Z2 tables' roots.
	KMOVW      K5, K1
	VPXORD     Z1, Z1, Z1
	VPGATHERDD (SI)(Z0*8), K1, Z1
	KMOVW      K5, K1
	VPXORD     Z2, Z2, Z2
	VPGATHERDD 4(SI)(Z0*8), K1, Z2
	VPANDD     Z24, Z2, Z2
	VPSLLD     $4, Z2, Z2
	VPADDD     Z22, Z2, Z2
	VPSRLD     $24, Z1, Z3
	KMOVW      K5, K6
	VPXORD     Z4, Z4, Z4
	CHILD

	// Second octet, where the reference is a node.
	VPCMPUD  $5, Z22, Z4, K5, K6
	KORTESTW K6, K6
	JZ       store
	VPSUBD   Z22, Z4, Z2
	VPSLLD   $4, Z2, Z2
	VPSRLD   $16, Z1, Z3
	VPANDD   Z28, Z3, Z3
	CHILD

	// Ranges: Z5 position, Z6 step, Z7 key.
	VPCMPUD  $5, Z23, Z4, K5, K6
	KORTESTW K6, K6
	JZ       store
	VPANDD   Z25, Z4, Z5
	VPADDD   Z5, Z5, Z5
	VPSRLD   $27, Z4, Z6
	VPSLLVD  Z6, Z20, Z6
	VPSRLD   $1, Z6, Z6
	VPSLLD   $16, Z1, Z7
	VPORD    Z24, Z7, Z7

step:
	VPTESTMD   Z6, Z6, K6, K2
	KORTESTW   K2, K2
	JZ         found
	VPADDD     Z5, Z6, Z8
	KMOVW      K2, K1
	VPXORD     Z9, Z9, Z9
	VPGATHERDD (R8)(Z8*4), K1, Z9
	VPCMPUD    $2, Z7, Z9, K2, K3
	VMOVDQA32  Z8, K3, Z5
	VPSRLD     $1, Z6, Z6
	JMP        step

found:
	KMOVW      K6, K1
	VPGATHERDD (R8)(Z5*4), K1, Z4
	VPANDD     Z24, Z4, Z4

store:
	// Where the table has a route, it wins.
	VPTESTMD    Z4, Z4, K5, K1
	VPSCATTERDD Z4, K1, (DI)(Z0*4)
	ADDQ        $64, DX
	SUBQ        $16, BX
	JG          loop
	VZEROUPPER
	RET
