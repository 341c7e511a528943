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

// ENTRY leaves the root entry of key i at R8 in hop to of the block at BX. size is a key's. It uses AX.
#define ENTRY(size, i, to) \
	MOVL (size*i)(SI)(BX*size), AX \
	SHRL $14, AX                   \
	MOVL (R8)(AX*4), AX            \
	MOVL AX, (4*to)(DI)(BX*4)

#define ENTRY_OF_ADDR(i) ENTRY(4, i, i)

// SPOT turns eight addresses in Y0 and their root entries in Y1 into places of leaves in Y0. It takes chunkLen-1 and offsetMask in Y14
// and Y13, and uses Y2.
#define SPOT \
	VPSRLD  $8, Y0, Y0                                \
	VPAND   Y14, Y0, Y0                               \
	VPSRLD  $const_strideShift, Y1, Y2                \
	VPSRLVD Y2, Y0, Y0                                \
	VPSRLD  $(const_claimBits-const_unitBits), Y1, Y1 \
	VPAND   Y13, Y1, Y1                               \
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

// SWAP does so for the places i and j, and lets their leaves change places. It uses DX.
#define SWAP(i, j) \
	MOVL    (4*i)(DI)(BX*4), AX \
	MOVL    (4*j)(DI)(BX*4), DX \
	MOVBLZX (R8)(AX*1), AX      \
	MOVBLZX (R8)(DX*1), DX      \
	MOVL    AX, (4*j)(DI)(BX*4) \
	MOVL    DX, (4*i)(DI)(BX*4)

// ID turns leaf i into the hop at R9.
#define ID(i) \
	MOVL (4*i)(DI)(BX*4), AX \
	MOVL (R9)(AX*4), AX      \
	MOVL AX, (4*i)(DI)(BX*4)

#define IN_ORDER EIGHT(LEAF)
#define SHUFFLED \
	LEAF(0)    \
	LEAF(1)    \
	SWAP(2, 4) \
	SWAP(3, 5) \
	LEAF(6)    \
	LEAF(7)

// LEAVES turns the places of leaves of CX keys, eight at a time, into leaves, and these into hops where there are ids; then it goes on at next.
#define LEAVES(eight, next) \
	XORL BX, BX  \
	PCALIGN $32  \
leaf:            \
	eight        \
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
	BROADCAST($const_offsetMask, X13, Y13)
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
	LEAVES(IN_ORDER, mark)

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

// AIM is SPOTS for eight keys of the block at BX, of which those without Fallback get the leaf 0, no route. Of those whose entry has the
// claims of their table it appends the numbers to the list at R10, which has R12. The entries are in the order of keys 0 1 4 5 2 3 6 7,
// in which shuffles get the keys' halves apart, and so are the places. It takes 0 in Y10, claimsOf in Y11, 15 in Y15, the first's number
// eight times in R15, eight eights in R13, lanesOf[1] in R14, and uses AX, DX, Y0..Y4.
#define AIM(eight) \
	VMOVDQU   (64*eight)(SI)(BX*8), Y0      \
	VMOVDQU   (64*eight+32)(SI)(BX*8), Y1   \
	VSHUFPS   $0xdd, Y1, Y0, Y3             \ // table and flags
	VSHUFPS   $0x88, Y1, Y0, Y0             \ // addresses
	VMOVDQU   (32*eight)(DI)(BX*4), Y1      \
	VPAND     Y15, Y3, Y4                   \ // which of the table's claims the entry has not: those in the lowest bits
	VPSHUFB   Y4, Y11, Y4                   \
	VPANDN    Y4, Y1, Y4                    \
	VPSLLD    $(32-const_claimBits), Y4, Y4 \
	VPCMPEQD  Y10, Y4, Y4                   \
	VMOVMSKPS Y4, AX                        \
	SPOT                                    \
	VPSLLD    $15, Y3, Y3                   \
	VPSRAD    $31, Y3, Y3                   \
	VPAND     Y3, Y0, Y0                    \
	VMOVDQU   Y0, (32*eight)(DI)(BX*4)      \
	MOVQ      (R14)(AX*8), DX               \
	ADDQ      R15, DX                       \
	MOVQ      DX, (R10)(R12*1)              \
	POPCNTL   AX, AX                        \
	ADDQ      AX, R12                       \
	ADDQ      R13, R15

// MARK makes the escapes among eight hops ^0, which no hop is.
#define MARK(at) \
	VPCMPEQD at(DI)(BX*4), Y12, Y0 \
	VPOR     at(DI)(BX*4), Y0, Y0  \
	VMOVDQU  Y0, at(DI)(BX*4)

// PAIR collects two keys, and their tables' tops, by the numbers in the list at R10 from R13 + i on.
#define PAIR(i, keys, tops) \
	MOVBLZX i+0(R10)(R13*1), AX        \
	MOVBLZX i+1(R10)(R13*1), BX        \
	VMOVQ   (SI)(AX*8), keys           \
	VPINSRQ $1, (SI)(BX*8), keys, keys \
	MOVWLZX 4(SI)(AX*8), AX            \
	MOVWLZX 4(SI)(BX*8), BX            \
	VMOVQ   (R8)(AX*8), tops           \
	VPINSRQ $1, (R8)(BX*8), tops, tops

// FILTER collects four words of the filter at DI, by their numbers in lane.
#define FILTER(i, words) \
	MOVL    lane-4800+4*i+0(SP), AX      \
	MOVL    lane-4800+4*i+4(SP), BX      \
	MOVL    lane-4800+4*i+8(SP), CX      \
	MOVL    lane-4800+4*i+12(SP), R11    \
	VMOVD   (DI)(AX*4), words            \
	VPINSRD $1, (DI)(BX*4), words, words \
	VPINSRD $2, (DI)(CX*4), words, words \
	VPINSRD $3, (DI)(R11*4), words, words

// BIT shifts words right by five bits of from, from bit at on. It takes 31 in Y8.
#define BIT(at, from, words, to) \
	VPSRLD  at, from, to  \
	VPAND   Y8, to, to    \
	VPSRLVD to, words, to

// KEEP appends the lanes Y4 of eight to a list with R12.
#define KEEP(eight, list) \
	VPERMD  eight, Y4, eight \
	VMOVDQU eight, list(SP)(R12*4)

// AHEAD prefetches the leaf whose place is at offset i from CX + 8 R13: eight keys on the list go by while sixteen leaves are fetched.
#define AHEAD(i) \
	MOVL       (4*i)(CX)(R13*8), AX \
	PREFETCHT0 (R11)(AX*1)

// BUCKET prefetches the bucket at offset i in lane.
#define BUCKET(i) \
	MOVL       lane-4800+4*i(SP), BX \
	PREFETCHT0 (R9)(BX*1)

// func dual(keys *Key, hops *Hop, n int, list *uint8, picked int, tops, heads *uint64, words *uint32, root *uint32,
//	leaves *uint8, ids *uint32, escape uint32, escapes *uint64)
//
// Both lookups of a burst, n a number of blocks:
//
//	root, aim        the places of the parent's leaves, and the keys that the claims let through
//	filter           of these, those that the second filter lets through, and their buckets, prefetched; and the leaves
//	leaf             the parent's leaves
//	probe            the keys in the buckets, and their ranges, prefetched
//	escape           escapes become ^0, and their bits are set
//	range            of each key's ranges the places of starts and hops
//	search           a table's own route, which wins
//
// The filter goes ahead of the leaves, and the probe ahead of the escapes, so that their prefetches have the time of a pass.
//
// Of a quarter of the keys or more, most are hits: then the second filter, whose words miss the caches, costs more than the few keys that
// it would keep from the probe, and lets all through.
//
// Without a root, and then n is 0, it is the VRFs' passes alone, for the keys that list has picked already. What stands behind the list,
// up to the next eight, must be numbers of keys as well.
//
// Where the index stands is loaded once, ahead of tops, and again behind: it is the same nearly always, and then as good as
// loaded behind.
//
//	SI keys, R8 root, then tops, then leaves, R9 words, meanwhile ids, R10 list, DX heads, R12 keys listed, then kept, R13 next; in escape
//	R10 escapes
//	of the keys kept: sure numbers, tags what the index knows them by, lows what is looked for among starts, in the lower half, refs of
//	tops, then their own, offs of their buckets; in search tags which bytes of 32 are starts, offs where these 32 are, refs 30 bytes
//	behind the place that the hop of their first byte would have
TEXT ·dual(SB), 0, $4816-104
	NO_LOCAL_POINTERS
	MOVQ  $0, many-4816(SP)
	MOVQ  keys+0(FP), SI
	MOVQ  list+24(FP), R10
	MOVQ  root+64(FP), R8
	TESTQ R8, R8
	JZ    vrfs

	LEAQ own-272(SP), R10
	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), CX
	LEAQ ·lanesOf+2048(SB), R14
	XORL R15, R15
	MOVQ $0x0808080808080808, R13
	BROADCAST($63, X14, Y14)
	BROADCAST($const_offsetMask, X13, Y13)
	BROADCAST($15, X15, Y15)
	VBROADCASTI128 ·claimsOf(SB), Y11
	VPXOR X10, X10, X10
	XORL R12, R12
	XORL BX, BX

block:
	LEAQ 64(BX), R11
	PCALIGN $32

root:
	PREFETCHNTA 4096(SI)(BX*8)
	ENTRY(8, 0, 0)
	ENTRY(8, 1, 1)
	ENTRY(8, 2, 4)
	ENTRY(8, 3, 5)
	ENTRY(8, 4, 2)
	ENTRY(8, 5, 3)
	ENTRY(8, 6, 6)
	ENTRY(8, 7, 7)
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
	SHLQ $2, R12
	CMPQ R12, CX
	SETGE many-4816(SP)

vrfs:
	MOVQ tops+40(FP), R8
	MOVQ heads+48(FP), DX
	MOVQ words+56(FP), R9
	XORL R12, R12
	CMPQ picked+32(FP), $0
	JEQ  kept

	LEAQ ·lanesOf(SB), R14
	BROADCAST($0x9E3779B9, X9, Y9)
	BROADCAST($31, X8, Y8)
	VPXOR X15, X15, X15
	MOVL  $8, R15

again: // X10 shifts by 32 - filterOrder - order, X11 by 32 - order, Y13 the first bucket's number, DI first word of the filter
	XORL  R12, R12
	XORL  R13, R13
	MOVQ  (DX), DI
	MOVQ  DI, head-4808(SP)
	MOVL  $(32-const_filterOrder), AX
	SUBL  DI, AX
	ANDL  $31, AX
	VMOVD AX, X10
	MOVL  DI, AX
	NEGL  AX
	ANDL  $31, AX
	VMOVD AX, X11
	MOVL  DI, AX
	SHRL  $5, AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	SHRQ  $32, DI
	LEAQ  (R9)(DI*8), DI

filter: // eight at a time: Y0 keys of the index, Y1 addresses, Y2 and Y6 tops, Y3 hashes, Y4 words of the filter, Y7 octets
	PAIR(0, X0, X2)
	PAIR(2, X4, X6)
	PAIR(4, X1, X3)
	PAIR(6, X5, X7)
	VINSERTI128 $1, X1, Y0, Y0
	VINSERTI128 $1, X3, Y2, Y2
	VINSERTI128 $1, X5, Y4, Y4
	VINSERTI128 $1, X7, Y6, Y6
	VSHUFPS     $0x88, Y4, Y0, Y1
	VSHUFPS     $0xdd, Y4, Y0, Y3
	VSHUFPS     $0xdd, Y6, Y2, Y7
	VPSRLD      $16, Y1, Y0
	VPSLLD      $16, Y3, Y3
	VPOR        Y3, Y0, Y0
	VPMULLD     Y9, Y0, Y3
	VPSRLD      X10, Y3, Y4
	VMOVDQU     Y4, lane-4800(SP)
	LEAQ        (R13*2), BX
	CMPQ        BX, n+16(FP)
	JGE         words
	MOVQ        hops+8(FP), CX
	MOVQ        leaves+72(FP), R11
	EIGHT(AHEAD)
	ADDQ        $32, CX
	EIGHT(AHEAD)

words:
	MOVL        $0xff, AX
	CMPQ        many-4816(SP), $0
	JNE         let
	FILTER(0, X4)
	FILTER(4, X5)
	VINSERTI128 $1, X5, Y4, Y4

	// Three bits of the filter, or one of octets.
	BIT($1, Y3, Y4, Y5)
	BIT($6, Y3, Y4, Y12)
	VPAND     Y12, Y5, Y5
	BIT($11, Y3, Y4, Y12)
	VPAND     Y12, Y5, Y5
	VPSRLD    $27, Y1, Y12
	VPSRLVD   Y12, Y7, Y12
	VPOR      Y12, Y5, Y5
	VPSLLD    $31, Y5, Y5
	VMOVMSKPS Y5, AX

let:
	MOVQ    picked+32(FP), BX // fewer than eight are left in the end
	SUBQ    R13, BX
	CMPQ    BX, $8
	CMOVQGT R15, BX
	BZHIL   BX, AX, AX
	TESTL   AX, AX
	JZ      sifted

	VPMOVZXBD (R14)(AX*8), Y4
	VPSRLD    X11, Y3, Y3
	VPADDD    Y13, Y3, Y3
	VPSLLD    $6, Y3, Y3
	VMOVDQU   Y3, lane-4800(SP)
	VSHUFPS   $0x88, Y6, Y2, Y2
	VPCMPEQD  Y15, Y0, Y5 // 0 is a free place: any other of table 0, which has none
	VPSUBD    Y5, Y0, Y0
	KEEP(Y0, tags-4768)
	KEEP(Y1, lows-3712)
	KEEP(Y2, refs-2656)
	KEEP(Y3, offs-1600)
	VMOVQ     (R10)(R13*1), X0
	VMOVQ     (R14)(AX*8), X1
	VPSHUFB   X1, X0, X0
	VMOVQ     X0, sure-544(SP)(R12*1)
	POPCNTL   AX, AX
	ADDQ      AX, R12
	EIGHT(BUCKET)

sifted:
	ADDQ $8, R13
	CMPQ R13, picked+32(FP)
	JLT  filter

	MOVQ (DX), DI
	CMPQ DI, head-4808(SP)
	JNE  again

kept:
	CMPQ root+64(FP), $0
	JEQ  buckets

	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ leaves+72(FP), R8
	MOVQ ids+80(FP), R9
	LEAVES(SHUFFLED, buckets)

buckets:
	TESTQ R12, R12
	JZ    probed
	MOVQ  heads+48(FP), DX
	MOVQ  words+56(FP), R9
	XORL  R13, R13

probe:
	MOVL         offs-1600(SP)(R13*4), DI
	VPBROADCASTD tags-4768(SP)(R13*4), Y0
	ADDQ         R9, DI
	VPCMPEQD     (DI), Y0, Y1
	VMOVMSKPS    Y1, R11
	TZCNTL       R11, R11
	JCS          other

present:
	MOVL 32(DI)(R11*4), R11

place:
	MOVL       R11, refs-2656(SP)(R13*4)
	ANDL       $const_rangeMask, R11
	PREFETCHT0 (R9)(R11*8)
	INCQ       R13
	CMPQ       R13, R12
	JNE        probe

probed:
	CMPQ root+64(FP), $0
	JEQ  marked

	MOVQ    hops+8(FP), DI
	MOVQ    n+16(FP), CX
	MOVQ    escapes+96(FP), R10
	BROADCAST(escape+88(FP), X12, Y12)
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
	TESTQ R12, R12
	JZ    none
	XORL  R13, R13
	MOVQ  hops+8(FP), DI
	BROADCAST($1, X10, Y10)
	BROADCAST($2, X11, Y11)
	BROADCAST($4, X12, Y12)
	BROADCAST($30, X13, Y13)
	BROADCAST($31, X14, Y14)

range: // eight at a time: Y0 the ranges' place, then that of the 32 bytes it is in, Y1 order, Y2 bytes of starts, Y3 their place in the 32
	VMOVDQU  refs-2656(SP)(R13*4), Y0
	VPSRLD   $const_rangeShift, Y0, Y1
	VPSLLD   $(32-const_rangeShift), Y0, Y0
	VPSRLD   $(32-const_rangeShift-3), Y0, Y0
	VPSLLVD  Y1, Y11, Y2
	VPAND    Y14, Y0, Y3
	VPSUBD   Y3, Y0, Y0
	VPSLLVD  Y2, Y10, Y4
	VPSUBD   Y10, Y4, Y4
	VPSLLVD  Y3, Y4, Y4
	VPCMPGTD Y12, Y1, Y1
	VPANDN   Y4, Y1, Y4
	VPADDD   Y0, Y2, Y2
	VPADDD   Y13, Y2, Y2
	VMOVDQU  Y4, tags-4768(SP)(R13*4)
	VMOVDQU  Y0, offs-1600(SP)(R13*4)
	VMOVDQU  Y2, refs-2656(SP)(R13*4)
	ADDQ     $8, R13
	CMPQ     R13, R12
	JLT      range
	XORL     R13, R13
	PCALIGN  $32

search: // The last start at or before the address has the last of their bytes.
	MOVL         offs-1600(SP)(R13*4), AX
	VPBROADCASTW lows-3712(SP)(R13*4), Y0
	VPMAXUW      (R9)(AX*1), Y0, Y1
	VPCMPEQW     Y0, Y1, Y1
	VPMOVMSKB    Y1, DX
	ANDL         tags-4768(SP)(R13*4), DX
	JZ           halve
	MOVL         refs-2656(SP)(R13*4), CX

last:
	LZCNTL  DX, DX
	SUBL    DX, CX
	MOVWLZX (R9)(CX*1), DX

	// Where the table has a route, it wins.
	MOVBLZX sure-544(SP)(R13*1), AX
	TESTL   DX, DX
	CMOVLEQ (DI)(AX*4), DX
	MOVL    DX, (DI)(AX*4)
	INCQ    R13
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

absent: // no key: the ranges over the first 16 bits
	MOVL tags-4768(SP)(R13*4), R11
	MOVL R11, lows-3712(SP)(R13*4)
	MOVL refs-2656(SP)(R13*4), R11
	JMP  place

next: // The bucket is full: again, from the first on, in the index that is current now.
	MOVQ   (DX), R14
	MOVL   tags-4768(SP)(R13*4), R11
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
	TZCNTL    R11, R11
	JCC       present
	CMPL      28(DI), $0
	JEQ       absent
	INCL      BX
	ANDL      R15, BX
	JMP       bucket

halve: // more than 16 ranges: down to the 16 starts that hold it, R14 from these to 30 bytes behind their first hop
	MOVL    refs-2656(SP)(R13*4), R14
	SUBL    AX, R14
	MOVWLZX lows-3712(SP)(R13*4), BX
	LEAL    -30(R14), CX
	SHRL    $1, CX

half:
	LEAL    (AX)(CX*1), R11
	MOVWLZX (R9)(R11*1), DX
	CMPL    DX, BX
	CMOVLLS R11, AX
	SHRL    $1, CX
	CMPL    CX, $16
	JNE     half

	VPMAXUW   (R9)(AX*1), Y0, Y1
	VPCMPEQW  Y0, Y1, Y1
	VPMOVMSKB Y1, DX
	LEAL      (AX)(R14*1), CX
	JMP       last
