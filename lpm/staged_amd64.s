//go:build !purego

#include "funcdata.h"
#include "go_asm.h"
#include "textflag.h"

// The staged kernels go through a burst in passes, each of a few instructions a key, so that the reorder buffer holds as many
// keys as the core has buffers for misses. Scalar passes load, vector passes compute where the next one loads from:
//
//	root   a key's root entry
//	spot   the place of its leaf, eight keys at a time
//	leaf   its leaf
//
// The burst is a number of blocks of 64 keys. Root and spot take turns by block, for then what spot loads has left the store
// buffer, and its loads are not held up by the next block's. With root go prefetches of the keys two bursts ahead, past the
// caches: who looks up a long list has its next keys there, and hardware prefetchers stop at each page. Who fills the same keys again
// and again, as a worker does, gains nothing by it and loses nothing.

#define EIGHT(op) \
	op(0) \
	op(1) \
	op(2) \
	op(3) \
	op(4) \
	op(5) \
	op(6) \
	op(7)

// ENTRY leaves the root entry of key i at R8 in hop i of the block at BX. size is a key's. It uses AX.
#define ENTRY(size, i) \
	MOVL (size*i)(SI)(BX*size), AX \
	SHRL $14, AX                   \
	MOVL (R8)(AX*4), AX            \
	MOVL AX, (4*i)(DI)(BX*4)

#define ENTRY_OF_ADDR(i) ENTRY(4, i)
#define ENTRY_OF_KEY(i) ENTRY(8, i)

// SPOT turns eight addresses in Y0 and their root entries in Y1 into places of leaves in Y0. It takes chunkLen-1 and 7 in Y14 and
// Y13, and uses Y2.
#define SPOT \
	VPSRLD  $8, Y0, Y0   \
	VPAND   Y14, Y0, Y0  \
	VPSRLD  $4, Y1, Y2   \
	VPAND   Y13, Y2, Y2  \
	VPSRLVD Y2, Y0, Y0   \
	VPSRLD  $7, Y1, Y1   \
	VPADDD  Y1, Y0, Y0

// SPOTS does so for eight addresses of the block at BX, in place of the entries.
#define SPOTS(eight) \
	VMOVDQU (32*eight)(SI)(BX*4), Y0 \
	VMOVDQU (32*eight)(DI)(BX*4), Y1 \
	SPOT                             \
	VMOVDQU Y0, (32*eight)(DI)(BX*4)

// LEAF turns the place of leaf i into the leaf at R8.
#define LEAF(i) \
	MOVL    (4*i)(DI)(BX*4), AX \
	MOVBLZX (R8)(AX*1), AX      \
	MOVL    AX, (4*i)(DI)(BX*4)

// ID turns leaf i into the hop at R9.
#define ID(i) \
	MOVL (4*i)(DI)(BX*4), AX \
	MOVL (R9)(AX*4), AX      \
	MOVL AX, (4*i)(DI)(BX*4)

// LEAVES turns the places of leaves of CX keys into leaves, and these into hops where there are ids; then it goes on at next.
#define LEAVES(next) \
	XORL BX, BX  \
	PCALIGN $32  \
leaf:            \
	EIGHT(LEAF)  \
	ADDQ $8, BX  \
	CMPQ BX, CX  \
	JNE  leaf    \
	TESTQ R9, R9 \
	JZ   next    \
	XORL BX, BX  \
id:              \
	EIGHT(ID)    \
	ADDQ $8, BX  \
	CMPQ BX, CX  \
	JNE  id

// ESCAPES leaves in AX which of the 32 hops from BX on are the escape in Y12. It takes order in Y11, and uses Y0..Y3.
#define ESCAPES \
	VPCMPEQD  (DI)(BX*4), Y12, Y0   \
	VPCMPEQD  32(DI)(BX*4), Y12, Y1 \
	VPCMPEQD  64(DI)(BX*4), Y12, Y2 \
	VPCMPEQD  96(DI)(BX*4), Y12, Y3 \
	VPACKSSDW Y1, Y0, Y0            \
	VPACKSSDW Y3, Y2, Y2            \
	VPACKSSWB Y2, Y0, Y0            \
	VPERMD    Y0, Y11, Y0           \
	VPMOVMSKB Y0, AX

// order is where packing, which keeps to halves, has left four bytes each.
DATA order<>+0(SB)/4, $0
DATA order<>+4(SB)/4, $4
DATA order<>+8(SB)/4, $1
DATA order<>+12(SB)/4, $5
DATA order<>+16(SB)/4, $2
DATA order<>+20(SB)/4, $6
DATA order<>+24(SB)/4, $3
DATA order<>+28(SB)/4, $7
GLOBL order<>(SB), RODATA|NOPTR, $32

#define BROADCAST(value, x, y) \
	MOVL         value, AX \
	VMOVD        AX, x     \
	VPBROADCASTD x, y

// func staged(addrs *uint32, hops *Hop, n int, root *uint32, leaves *uint8, ids *uint32, escape uint32, escapes *uint64)
TEXT ·staged(SB), NOSPLIT, $0-64
	MOVQ addrs+0(FP), SI
	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ root+24(FP), R8
	BROADCAST($63, X14, Y14)
	BROADCAST($7, X13, Y13)
	XORL BX, BX

block:
	LEAQ 64(BX), R11
	PCALIGN $32

root:
	PREFETCHNTA 2048(SI)(BX*4)
	EIGHT(ENTRY_OF_ADDR)
	ADDQ $8, BX
	CMPQ BX, R11
	JNE  root

	SUBQ $64, BX
	EIGHT(SPOTS)
	ADDQ $64, BX
	CMPQ BX, CX
	JNE  block

	MOVQ leaves+32(FP), R8
	MOVQ ids+40(FP), R9
	LEAVES(mark)

mark:
	MOVQ    escapes+56(FP), R10
	BROADCAST(escape+48(FP), X12, Y12)
	VMOVDQU order<>(SB), Y11
	XORL    BX, BX

escape:
	ESCAPES
	MOVL AX, (R10)
	ADDQ $4, R10
	ADDQ $32, BX
	CMPQ BX, CX
	JNE  escape
	VZEROUPPER
	RET

// AIM is SPOTS for eight keys of the block at BX, of which those without Fallback get the leaf 0, no route. Of those with a claim it
// appends the numbers to the list at R10, which has R12. It takes 3 in Y15, the first's number eight times in R15, eight eights in R13,
// lanesOf in R14, and uses AX, DX, Y0..Y5.
#define AIM(eight) \
	VMOVDQU   (64*eight)(SI)(BX*8), Y0    \
	VMOVDQU   (64*eight+32)(SI)(BX*8), Y1 \
	VSHUFPS   $0xdd, Y1, Y0, Y3           \ // table and flags of keys 0 1 4 5 2 3 6 7
	VSHUFPS   $0x88, Y1, Y0, Y0           \ // their addresses
	VPERMQ    $0xd8, Y3, Y3               \
	VPERMQ    $0xd8, Y0, Y0               \
	VMOVDQU   (32*eight)(DI)(BX*4), Y1    \
	VPANDN    Y15, Y3, Y4                 \ // claims: bit table&3 of the entry goes to the top
	VPSLLD    $28, Y1, Y5                 \
	VPSLLVD   Y4, Y5, Y5                  \
	VMOVMSKPS Y5, AX                      \
	SPOT                                  \
	VPSLLD    $15, Y3, Y3                 \
	VPSRAD    $31, Y3, Y3                 \
	VPAND     Y3, Y0, Y0                  \
	VMOVDQU   Y0, (32*eight)(DI)(BX*4)    \
	MOVQ      (R14)(AX*8), DX             \
	ADDQ      R15, DX                     \
	MOVQ      DX, (R10)(R12*1)            \
	POPCNTL   AX, AX                      \
	ADDQ      AX, R12                     \
	ADDQ      R13, R15

// MARK makes the escapes among eight hops ^0, which no hop is.
#define MARK(at) \
	VPCMPEQD at(DI)(BX*4), Y12, Y0 \
	VPOR     at(DI)(BX*4), Y0, Y0  \
	VMOVDQU  Y0, at(DI)(BX*4)

// KEYS collects four keys of the index, and their tables' octets, by the numbers in the list at R10 from R13 + i on.
#define KEYS(i, keys, octets) \
	MOVBLZX i+0(R10)(R13*1), AX             \
	MOVBLZX i+1(R10)(R13*1), BX             \
	MOVBLZX i+2(R10)(R13*1), CX             \
	MOVBLZX i+3(R10)(R13*1), R11            \
	VMOVD   2(SI)(AX*8), keys               \
	VPINSRD $1, 2(SI)(BX*8), keys, keys     \
	VPINSRD $2, 2(SI)(CX*8), keys, keys     \
	VPINSRD $3, 2(SI)(R11*8), keys, keys    \
	MOVWLZX 4(SI)(AX*8), AX                 \
	MOVWLZX 4(SI)(BX*8), BX                 \
	MOVWLZX 4(SI)(CX*8), CX                 \
	MOVWLZX 4(SI)(R11*8), R11               \
	VMOVD   4(R8)(AX*8), octets             \
	VPINSRD $1, 4(R8)(BX*8), octets, octets \
	VPINSRD $2, 4(R8)(CX*8), octets, octets \
	VPINSRD $3, 4(R8)(R11*8), octets, octets

// FILTER collects four words of the filter at DI, by their numbers in kept.
#define FILTER(i, words) \
	MOVL    kept-4096+4*i+0(SP), AX      \
	MOVL    kept-4096+4*i+4(SP), BX      \
	MOVL    kept-4096+4*i+8(SP), CX      \
	MOVL    kept-4096+4*i+12(SP), R11    \
	VMOVD   (DI)(AX*4), words            \
	VPINSRD $1, (DI)(BX*4), words, words \
	VPINSRD $2, (DI)(CX*4), words, words \
	VPINSRD $3, (DI)(R11*4), words, words

// BIT shifts words right by five bits of from, from bit at on. It takes 31 in Y8.
#define BIT(at, from, words, to) \
	VPSRLD  at, from, to  \
	VPAND   Y8, to, to    \
	VPSRLVD to, words, to

// func dual(keys *Key, hops *Hop, n int, list *uint8, picked int, sifted bool, tops, heads *uint64, words *uint32, root *uint32,
//	leaves *uint8, ids *uint32, escape uint32, escapes *uint64)
//
// Both lookups of a burst, n a number of blocks:
//
//	root, aim        the places of the parent's leaves, and the keys with a claim
//	leaf             the parent's leaves
//	filter           of the keys with a claim, those that the second filter lets through
//	locate           these keys' buckets, prefetched
//	escape           escapes become ^0, and their bits are set
//	probe            the keys in the buckets, and their ranges, prefetched
//	search           a table's own route, which wins
//
// Without a root it is the VRFs' passes alone, for the keys that list has picked already, and from locate on for those that have
// been sifted too. What stands behind the list, up to the next eight, must be numbers of keys as well.
//
// Where the index stands is loaded once, ahead of tops, and again behind: it is the same nearly always, and then as good as
// loaded behind.
//
//	SI keys, R8 root, then leaves, then tops, R9 ids, then words, R10 list, then sure, DX heads, R12 keys listed, then end of kept,
//	R13 next; from escape on R10 escapes
//	kept: numbers of words of the filter, eight; then key, bucket, reference of tops, number | reference, the address below it as the ranges have it, -, number
TEXT ·dual(SB), 0, $4632-112
	NO_LOCAL_POINTERS
	MOVQ  keys+0(FP), SI
	MOVQ  list+24(FP), R10
	MOVQ  root+72(FP), R8
	TESTQ R8, R8
	JZ    vrfs

	LEAQ own-4632(SP), R10
	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), CX
	LEAQ ·lanesOf(SB), R14
	XORL R15, R15
	MOVQ $0x0808080808080808, R13
	BROADCAST($63, X14, Y14)
	BROADCAST($7, X13, Y13)
	BROADCAST($3, X15, Y15)
	XORL R12, R12
	XORL BX, BX

block:
	LEAQ 64(BX), R11
	PCALIGN $32

root:
	PREFETCHNTA 4096(SI)(BX*8)
	EIGHT(ENTRY_OF_KEY)
	ADDQ $8, BX
	CMPQ BX, R11
	JNE  root

	SUBQ $64, BX
	EIGHT(AIM)
	ADDQ $64, BX
	CMPQ BX, CX
	JNE  block
	MOVQ R12, picked+32(FP)
	MOVQ $0, (R10)(R12*1) // so that the last eight of the list are numbers

	MOVQ leaves+80(FP), R8
	MOVQ ids+88(FP), R9
	LEAVES(vrfs)

vrfs:
	MOVQ  tops+48(FP), R8
	MOVQ  heads+56(FP), DX
	MOVQ  words+64(FP), R9
	LEAQ  kept-4096(SP), R12
	CMPQ  picked+32(FP), $0
	JEQ   located
	MOVQ  picked+32(FP), R12
	CMPB  sifted+40(FP), $0
	JNE   places

	LEAQ ·lanesOf(SB), R14
	BROADCAST($0x9E3779B9, X9, Y9)
	BROADCAST($31, X8, Y8)
	MOVL $8, R15

again: // X10 shifts by 32 - filterOrder - order, DI first word of the filter
	XORL  R12, R12
	XORL  R13, R13
	MOVQ  (DX), DI
	MOVQ  DI, head-4104(SP)
	MOVL  $(32-const_filterOrder), AX
	SUBL  DI, AX
	ANDL  $31, AX
	VMOVD AX, X10
	SHRQ  $32, DI
	LEAQ  (R9)(DI*8), DI

filter: // eight at a time: Y0 keys, Y1 octets, Y2 hashes, Y4 words of the filter
	KEYS(0, X0, X1)
	KEYS(4, X2, X3)
	VINSERTI128 $1, X2, Y0, Y0
	VINSERTI128 $1, X3, Y1, Y1
	VPMULLD     Y9, Y0, Y2
	VPSRLD      X10, Y2, Y3
	VMOVDQU     Y3, kept-4096(SP)
	FILTER(0, X4)
	FILTER(4, X3)
	VINSERTI128 $1, X3, Y4, Y4

	// Three bits of the filter, or one of octets.
	BIT($1, Y2, Y4, Y3)
	BIT($6, Y2, Y4, Y5)
	BIT($11, Y2, Y4, Y6)
	VPAND     Y3, Y5, Y5
	VPAND     Y6, Y5, Y5
	BIT($11, Y0, Y1, Y3)
	VPOR      Y3, Y5, Y4
	VPSLLD    $31, Y4, Y4
	VMOVMSKPS Y4, AX
	MOVQ      picked+32(FP), BX // fewer than eight are left in the end
	SUBQ      R13, BX
	CMPQ      BX, $8
	CMOVQGT   R15, BX
	BZHIL     BX, AX, AX

	VMOVQ   (R10)(R13*1), X0
	VMOVQ   (R14)(AX*8), X1
	VPSHUFB X1, X0, X0
	VMOVQ   X0, sure-4368(SP)(R12*1)
	POPCNTL AX, AX
	ADDQ    AX, R12
	ADDQ    $8, R13
	CMPQ    R13, picked+32(FP)
	JLT     filter

	MOVQ (DX), DI
	CMPQ DI, head-4104(SP)
	JNE  again
	LEAQ sure-4368(SP), R10

places: // CX shifts by 32 - order, DI the first bucket's number, R14 next of sure
	LEAQ  kept-4096(SP), R13
	XORL  R14, R14
	TESTQ R12, R12
	JEQ   found
	MOVQ  (DX), DI
	MOVQ  DI, head-4104(SP)
	MOVL  DI, CX
	NEGL  CX
	SHRL  $5, DI               // of the low half

locate:
	MOVBLZX    (R10)(R14*1), AX
	MOVL       2(SI)(AX*8), BX
	MOVWLZX    4(SI)(AX*8), R11
	CMPL       BX, $1            // 0 is a free place: any other of table 0, which has none
	ADCL       $0, BX
	MOVL       AX, 12(R13)
	MOVL       BX, 0(R13)
	MOVL       (R8)(R11*8), R15
	IMUL3L     $0x9E3779B9, BX, R11
	SHRXL      CX, R11, R11
	ADDL       DI, R11
	MOVL       R11, 4(R13)
	MOVL       R15, 8(R13)
	SHLQ       $6, R11
	PREFETCHT0 (R9)(R11*1)
	ADDQ       $16, R13
	INCQ       R14
	CMPQ       R14, R12
	JNE        locate

	MOVQ (DX), DI
	CMPQ DI, head-4104(SP)
	JNE  places

found:
	MOVQ R13, R12

located:
	CMPQ root+72(FP), $0
	JEQ  marked

	MOVQ    hops+8(FP), DI
	MOVQ    n+16(FP), CX
	MOVQ    escapes+104(FP), R10
	BROADCAST(escape+96(FP), X12, Y12)
	VMOVDQU order<>(SB), Y11
	XORL    BX, BX

escape:
	ESCAPES
	MOVL  AX, (R10)
	TESTL AX, AX
	JNZ   mark

unmarked:
	ADDQ $4, R10
	ADDQ $32, BX
	CMPQ BX, CX
	JNE  escape

marked:
	LEAQ kept-4096(SP), R13
	CMPQ R13, R12
	JEQ  none

probe:
	MOVL         4(R13), DI
	MOVL         12(R13), AX
	VPBROADCASTD (R13), Y0
	SHLQ         $6, DI
	ADDQ         R9, DI
	VPCMPEQD     (DI), Y0, Y1
	VMOVMSKPS    Y1, R11
	TESTL        R11, R11
	JZ           other

present:
	TZCNTL  R11, R11
	MOVL    32(DI)(R11*4), R11
	MOVWLZX (SI)(AX*8), BX

place:
	MOVL       R11, 0(R13)
	SHLL       $16, BX
	ORL        $0xffff, BX
	MOVL       BX, 4(R13)
	ANDL       $0x3ffffff, R11
	PREFETCHT0 (R9)(R11*8)
	ADDQ       $16, R13
	CMPQ       R13, R12
	JNE        probe

	LEAQ kept-4096(SP), R13
	MOVQ hops+8(FP), DI

search:
	MOVL 0(R13), R11
	MOVL R11, R14
	ANDL $0x3ffffff, R14
	ADDL R14, R14
	SHRL $26, R11
	CMPL R11, $4
	JHI  halve

	// Up to 16 ranges, in one line: as many start at or before the address, of those from R14 on, 2^R11.
line:
	VPBROADCASTD 4(R13), Y0
	MOVL         R14, AX
	ANDL         $~15, AX
	VPMAXUD      (R9)(AX*4), Y0, Y1
	VPMAXUD      32(R9)(AX*4), Y0, Y2
	VPCMPEQD     Y0, Y1, Y1
	VPCMPEQD     Y0, Y2, Y2
	VMOVMSKPS    Y1, DX
	VMOVMSKPS    Y2, CX
	SHLL         $8, CX
	ORL          CX, DX
	MOVL         R14, CX
	ANDL         $15, CX
	SHRXL        CX, DX, DX
	MOVL         $1, CX
	SHLXL        R11, CX, CX
	BZHIL        CX, DX, DX
	POPCNTL      DX, DX
	ADDL         DX, R14
	MOVWLZX      -4(R9)(R14*4), DX

	// Where the table has a route, it wins.
	MOVL    12(R13), AX
	TESTL   DX, DX
	CMOVLEQ (DI)(AX*4), DX
	MOVL    DX, (DI)(AX*4)
	ADDQ    $16, R13
	CMPQ    R13, R12
	JNE     search

none:
	VZEROUPPER
	RET

mark: // a few in a thousand are escapes
	MARK(0)
	MARK(32)
	MARK(64)
	MARK(96)
	JMP unmarked

other:
	CMPL 28(DI), $0
	JNE  next

absent:
	MOVL    8(R13), R11      // no key: the ranges over the first 16 bits
	MOVWLZX 2(SI)(AX*8), BX
	JMP     place

next: // The bucket is full: again, from the first on, in the index that is current now.
	MOVQ   (DX), R14
	MOVL   (R13), R11
	IMUL3L $0x9E3779B9, R11, R11
	MOVL   R14, CX
	NEGL   CX
	SHRXL  CX, R11, BX
	MOVL   $1, R15
	SHLXL  R14, R15, R15
	DECL   R15               // the last bucket's number
	MOVL   R14, CX
	SHRL   $5, CX

bucket:
	LEAL      (BX)(CX*1), DI
	SHLQ      $6, DI
	ADDQ      R9, DI
	VPCMPEQD  (DI), Y0, Y1
	VMOVMSKPS Y1, R11
	TESTL     R11, R11
	JNZ       present
	CMPL      28(DI), $0
	JEQ       absent
	INCL      BX
	ANDL      R15, BX
	JMP       bucket

halve: // more than 16 ranges
	MOVL  4(R13), BX
	MOVL  $1, CX
	SHLXL R11, CX, CX
	SHRL  $1, CX

half:
	LEAL    (R14)(CX*1), AX
	CMPL    (R9)(AX*4), BX
	CMOVLLS AX, R14
	SHRL    $1, CX
	CMPL    CX, $8
	JNE     half
	MOVL    $4, R11
	JMP     line
