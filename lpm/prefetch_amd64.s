//go:build !purego

#include "funcdata.h"
#include "textflag.h"

// The prefetching kernels go through a burst in passes, one key at a time: a pass computes where the next one will load
// from and prefetches that. A prefetch retires at once, where a load that misses holds up what comes after it; so the core
// keeps as many misses in flight as it has buffers, not as many as its reorder buffer has iterations.

// ENTRY loads the root entry of the address in AX into DX; LEAF turns the two into the place of the leaf, in AX, and prefetches
// that. Both use BX. R15 and R11, which FIELDS sets, say where BEXTR finds the slot and the stride.
#define ENTRY \
	MOVL AX, BX         \
	SHRL $14, BX        \
	MOVL (R8)(BX*4), DX

#define LEAF \
	BEXTRL     R15, AX, AX \
	BEXTRL     R11, DX, BX \
	SHRXL      BX, AX, AX  \
	SHRL       $7, DX      \
	ADDL       DX, AX      \
	PREFETCHT0 (R9)(AX*1)

#define FIELDS \
	MOVL $0x608, R15 \ // bits 8 to 13 of an address
	MOVL $0x304, R11    // bits 4 to 6 of a root entry

// func aim(addrs *uint32, at *Hop, n int, root *uint32, leaves *uint8)
TEXT ·aim(SB), NOSPLIT, $0-40
	MOVQ addrs+0(FP), SI
	MOVQ at+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ root+24(FP), R8
	MOVQ leaves+32(FP), R9
	LEAQ (SI)(CX*4), SI
	LEAQ (DI)(CX*4), DI
	NEGQ CX
	FIELDS

loop:
	MOVL (SI)(CX*4), AX
	ENTRY
	LEAF
	MOVL AX, (DI)(CX*4)
	INCQ CX
	JNZ  loop
	RET

// func collect(hops *Hop, n int, leaves *uint8, ids *uint32, escapes *uint64)
//
// Turns places of leaves into leaves; then marks the escapes, which are 255, by eight and what is left one by one. escapes
// must be clear. With ids a last pass turns leaves into hops.
TEXT ·collect(SB), NOSPLIT, $0-40
	MOVQ hops+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ leaves+16(FP), R9
	MOVQ ids+24(FP), R10
	MOVQ escapes+32(FP), DX
	LEAQ (DI)(CX*4), SI
	NEGQ CX

leaf:
	MOVL    (SI)(CX*4), AX
	MOVBLZX (R9)(AX*1), AX
	MOVL    AX, (SI)(CX*4)
	INCQ    CX
	JNZ     leaf

	MOVL         $255, AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	MOVQ         n+8(FP), CX
	SHRQ         $3, CX
	JZ           rest
	XORL         R8, R8
	MOVQ         DI, BX

eight:
	VPCMPEQD  (BX), Y0, Y1
	VMOVMSKPS Y1, AX
	MOVB      AX, (DX)(R8*1)
	ADDQ      $32, BX
	INCQ      R8
	CMPQ      R8, CX
	JNE       eight

rest:
	VZEROUPPER
	MOVQ n+8(FP), R8
	SHLQ $3, CX
	CMPQ CX, R8
	JEQ  translate

one:
	CMPL (DI)(CX*4), $255
	JNE  plain
	BTSQ CX, (DX)

plain:
	INCQ CX
	CMPQ CX, R8
	JNE  one

translate:
	TESTQ R10, R10
	JZ    done
	NEGQ  R8

id:
	MOVL (SI)(R8*4), AX
	MOVL (R10)(AX*4), AX
	MOVL AX, (SI)(R8*4)
	INCQ R8
	JNZ  id

done:
	RET

// func dual(keys *Key, hops *Hop, n int, list *uint8, picked int, sifted bool, tops, heads *uint64, words *uint32, root *uint32,
//	leaves *uint8, ids *uint32, escape uint32, escapes *uint64)
//
// Both lookups of a burst, their passes between each other, so that what one has prefetched comes while the other works:
//
//	parent   aim        leaf                mark
//	VRFs          sieve       filter locate      probe search
//
// aim finds the places of the parent's leaves, and picks the keys with a claim; sieve prefetches the words of the second filter for
// these; leaf loads the parent's leaves; filter asks the second filter, and locate prefetches the buckets of what it lets through;
// mark makes escapes ^0, sets their bits, and takes the answers of keys without Fallback; probe finds the keys in the buckets, and
// prefetches their ranges; search looks into these, and a table's own route wins. Without a root it is the VRFs' passes alone, for
// the keys that list has picked already, and from locate on for those that have been sifted too.
//
// Where the index stands is loaded once, ahead of tops, and again behind: it is the same nearly always, and then as good as
// loaded behind.
//
//	SI keys, R8 root, then tops, R9 leaves, then words, R10 list, then sure, DX heads, R12 end of sure, then of kept, R13 next
//	kept: key, bucket, reference of tops, number | reference, the address below it as the ranges have it, -, number
TEXT ·dual(SB), 0, $4624-112
	NO_LOCAL_POINTERS
	MOVQ  keys+0(FP), SI
	MOVQ  list+24(FP), R10
	MOVQ  root+72(FP), R8
	TESTQ R8, R8
	JZ    vrfs

	// R14 n, CX where BEXTR finds a table's class
	LEAQ own-4624(SP), R10
	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), R14
	MOVQ leaves+80(FP), R9
	XORL R12, R12
	XORL R13, R13
	MOVL $0x200, CX          // bits 0 and 1 of a table
	FIELDS

aim:
	MOVL   (SI)(R13*8), AX
	ENTRY
	BEXTRL CX, 4(SI)(R13*8), BX
	MOVB   R13, (R10)(R12*1)
	BTL    BX, DX
	ADCL   $0, R12
	LEAF
	MOVL   AX, (DI)(R13*4)
	INCQ   R13
	CMPQ   R13, R14
	JNE    aim
	MOVQ   R12, picked+32(FP)

	MOVQ  words+64(FP), R9
	MOVQ  heads+56(FP), DX
	MOVQ  (DX), DI
	MOVL  DI, CX
	NOTL  CX
	SHRQ  $32, DI
	LEAQ  (R9)(DI*8), DI
	XORL  R13, R13
	TESTQ R12, R12
	JEQ   leaves

sieve:
	MOVBLZX    (R10)(R13*1), AX
	IMUL3L     $0x9E3779B9, 2(SI)(AX*8), R11
	SHRXL      CX, R11, R14
	PREFETCHT0 (DI)(R14*4)
	INCQ       R13
	CMPQ       R13, R12
	JNE        sieve

leaves:
	MOVQ hops+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ leaves+80(FP), R8
	MOVQ ids+88(FP), R11
	LEAQ (DI)(CX*4), DI
	NEGQ CX
	TESTQ R11, R11
	JNZ  id

leaf:
	MOVL    (DI)(CX*4), AX
	MOVBLZX (R8)(AX*1), AX
	MOVL    AX, (DI)(CX*4)
	INCQ    CX
	JNZ     leaf

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

again: // CX shifts by 31 - order, DI first word of the filter
	XORL  R12, R12
	XORL  R13, R13
	MOVQ  (DX), DI
	MOVQ  DI, head-4104(SP)
	MOVL  DI, CX
	NOTL  CX
	SHRQ  $32, DI
	LEAQ  (R9)(DI*8), DI

filter:
	MOVBLZX (R10)(R13*1), AX
	MOVL    2(SI)(AX*8), BX    // the key, and its table
	MOVWLZX 4(SI)(AX*8), R11
	MOVB    AX, sure-4368(SP)(R12*1)
	MOVL    4(R8)(R11*8), R15  // octets
	IMUL3L  $0x9E3779B9, BX, R11
	SHRXL   CX, R11, R14
	MOVL    (DI)(R14*4), R14   // its word of the filter

	// Two bits of the filter, or one of octets.
	SHRL  $6, R11
	SHRXL R11, R14, AX
	SHRL  $5, R11
	SHRXL R11, R14, R14
	ANDL  R14, AX
	SHRL  $11, BX
	SHRXL BX, R15, R15
	ORL   R15, AX
	ANDL  $1, AX
	ADDQ  AX, R12
	INCQ  R13
	CMPQ  R13, picked+32(FP)
	JNE   filter

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

	// Eight at a time: Y0 the escape, Y1 which have Fallback, Y2 the hops, Y3 which are escapes.
	MOVQ         hops+8(FP), DI
	MOVQ         escapes+104(FP), R10
	MOVL         escape+96(FP), AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	MOVQ         n+16(FP), R11
	MOVQ         R11, CX
	SHRQ         $3, CX
	XORL         R13, R13
	CMPQ         R13, CX
	JEQ          ones

mark:
	VMOVDQU   (SI), Y1
	VSHUFPS   $0xdd, 32(SI), Y1, Y1 // table and flags of keys 0 1 4 5 2 3 6 7
	VPERMQ    $0xd8, Y1, Y1
	VPSLLD    $15, Y1, Y1
	VPSRAD    $31, Y1, Y1
	VMOVDQU   (DI), Y2
	VPCMPEQD  Y0, Y2, Y3
	VPOR      Y3, Y2, Y2
	VPAND     Y1, Y2, Y2
	VPAND     Y1, Y3, Y3
	VMOVDQU   Y2, (DI)
	VMOVMSKPS Y3, AX
	MOVB      AX, (R10)(R13*1)
	ADDQ      $64, SI
	ADDQ      $32, DI
	INCQ      R13
	CMPQ      R13, CX
	JNE       mark

ones: // what is left, one by one
	MOVQ keys+0(FP), SI
	MOVQ hops+8(FP), DI
	SHLQ $3, CX

one:
	CMPQ    CX, R11
	JEQ     marked
	MOVBLZX 6(SI)(CX*8), BX
	ANDL    $1, BX
	NEGL    BX
	ANDL    (DI)(CX*4), BX
	CMPL    BX, escape+96(FP)
	JNE     plain
	MOVL    $-1, BX
	BTSQ    CX, (R10)

plain:
	MOVL BX, (DI)(CX*4)
	INCQ CX
	JMP  one

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

id: // leaf, where leaves are not hops
	MOVL    (DI)(CX*4), AX
	MOVBLZX (R8)(AX*1), AX
	MOVL    (R11)(AX*4), AX
	MOVL    AX, (DI)(CX*4)
	INCQ    CX
	JNZ     id
	JMP     vrfs

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
