//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The stages' kernels, for packets of which nothing is unusual. At the first that is they stop, and the Go twins in stage.go go on, which
// say what each step is for. Classify and validate take eight packets at a time, in vectors of one 32-bit lane a packet.

// Eight lanes each.
#define LANES(name, value) \
	DATA name<>+0(SB)/4, $value  \
	DATA name<>+4(SB)/4, $value  \
	DATA name<>+8(SB)/4, $value  \
	DATA name<>+12(SB)/4, $value \
	DATA name<>+16(SB)/4, $value \
	DATA name<>+20(SB)/4, $value \
	DATA name<>+24(SB)/4, $value \
	DATA name<>+28(SB)/4, $value \
	GLOBL name<>(SB), RODATA|NOPTR, $32

LANES(low16, 0xffff)
LANES(low8, 0xff)
LANES(ipv4, const_leIPv4)
LANES(vlan, const_leVLAN)
LANES(qinq, const_leQinQ)
LANES(vlans, 0xfff)
LANES(four, 4)
LANES(nineteen, 19)
LANES(reserve, const_Reserve)
LANES(ethernet, 14)
LANES(runt, (const_shortest-1))
LANES(plain, 0x45)
LANES(octets, 0x00ff00ff)
LANES(loopback, 0x007f007f)
LANES(multicast, 0x00df00df)
LANES(ttl, 1)
LANES(sum, 0x10000)
LANES(carried, 0x1ffff)

// The upper half of each lane, its bytes swapped, in the lower; and all four bytes swapped.
#define SHUFFLE(name, low, high) \
	DATA name<>+0(SB)/8, $low   \
	DATA name<>+8(SB)/8, $high  \
	DATA name<>+16(SB)/8, $low  \
	DATA name<>+24(SB)/8, $high \
	GLOBL name<>(SB), RODATA|NOPTR, $32

SHUFFLE(upper, 0x8080060780800203, 0x80800e0f80800a0b)
SHUFFLE(swap, 0x0405060700010203, 0x0c0d0e0f08090a0b)

// The lengths of two descriptors.
DATA lengths<>+0(SB)/8, $0x0000ffff00000000
DATA lengths<>+8(SB)/8, $0
DATA lengths<>+16(SB)/8, $0x0000ffff00000000
DATA lengths<>+24(SB)/8, $0
GLOBL lengths<>(SB), RODATA|NOPTR, $32

// ALL goes to done unless all eight signs of mask are set.
#define ALL(mask) \
	VMOVMSKPS mask, AX \
	CMPL      AX, $0xff \
	JNE       done

// FRAMES puts bytes 4 to 19 of frame i and of the fourth one after into a vector, and the first byte of both among those in DX. It uses AX
// and R10, as HEADERS and RECORDS do.
#define FRAMES(i, x, y) \
	MOVL        (16*i)(SI), AX         \
	MOVL        (16*i+64)(SI), R10     \
	ORB         (R8)(AX*1), DX         \
	ORB         (R8)(R10*1), DX        \
	VMOVDQU     4(R8)(AX*1), x         \
	VINSERTI128 $1, 4(R8)(R10*1), y, y

// RECORDS puts the ingress records of packets i and i+1 of eight into a vector.
#define RECORDS(i, x) \
	MOVL    (burst_from+4*i)(DI)(BX*4), AX    \
	MOVL    (burst_from+4*i+4)(DI)(BX*4), R10 \
	VMOVQ   (R9)(AX*8), x                     \
	VPINSRQ $1, (R9)(R10*8), x, x

// HEADERS puts the first 16 bytes of the IPv4 headers of packet i and of the fourth one after into a vector, and leaves their places in AX
// and R10.
#define HEADERS(i, x, y) \
	MOVL        (burst_l3+4*i)(DI)(DX*4), AX     \
	MOVL        (burst_l3+4*i+16)(DI)(DX*4), R10 \
	VMOVDQU     (R8)(AX*1), x                    \
	VINSERTI128 $1, (R8)(R10*1), y, y

// func classifyKernel(b *burst, from, live int, mem memory, size uint32, ports *vrftable.Ingress) (framed, done int, bytes uint64)
//
// The records are loaded in a second pass, by the VLANs that the first leaves where from will stand: in one pass eight packets were a chain
// of loads and shuffles longer than the reorder buffer holds beside another when the core's other thread is busy.
//
//	SI descriptor, DI b, R8 mem, R9 ports, BX live, R12 numbers of the eight packets, CX groups left, Y15 size, Y14 sum of lengths
TEXT ·classifyKernel(SB), NOSPLIT, $0-72
	MOVQ  b+0(FP), DI
	MOVQ  from+8(FP), SI
	MOVQ  live+16(FP), BX
	MOVQ  mem_base+24(FP), R8
	MOVL  size+32(FP), AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	MOVQ  ports+40(FP), R9
	MOVQ  $0x0101010101010101, R12
	IMULQ SI, R12
	MOVQ  $0x0706050403020100, AX
	ADDQ  AX, R12
	MOVQ  $0x0808080808080808, R13
	MOVQ  burst_n(DI), CX
	SUBQ  SI, CX
	SHRQ  $3, CX
	SHLQ  $4, SI
	LEAQ  burst_d(DI)(SI*1), SI
	VPXOR X14, X14, X14
	TESTQ CX, CX
	JZ    done
	PCALIGN $32

eight: // Y0 Off, Y1 Len and TCI, Y2 Port and Flags, Y3 Len
	VMOVDQU     (SI), X0
	VMOVDQU     16(SI), X1
	VMOVDQU     32(SI), X2
	VMOVDQU     48(SI), X3
	VINSERTI128 $1, 64(SI), Y0, Y0
	VINSERTI128 $1, 80(SI), Y1, Y1
	VINSERTI128 $1, 96(SI), Y2, Y2
	VINSERTI128 $1, 112(SI), Y3, Y3
	VPUNPCKLDQ  Y1, Y0, Y4
	VPUNPCKLDQ  Y3, Y2, Y5
	VPUNPCKHDQ  Y1, Y0, Y6
	VPUNPCKHDQ  Y3, Y2, Y7
	VPUNPCKLQDQ Y5, Y4, Y10
	VPUNPCKHQDQ Y5, Y4, Y11
	VPUNPCKLQDQ Y7, Y6, Y12
	VPAND       low16<>(SB), Y11, Y13

	// Off from Reserve on, Off + Len up to size, Len at least shortest.
	VPADDD   Y13, Y10, Y4
	VPMAXUD  reserve<>(SB), Y10, Y5
	VPCMPEQD Y10, Y5, Y5
	VPMINUD  Y15, Y4, Y6
	VPCMPEQD Y4, Y6, Y6
	VPMAXUD  Y10, Y4, Y7
	VPCMPEQD Y4, Y7, Y7
	VPCMPGTD runt<>(SB), Y13, Y0
	VPAND    Y5, Y6, Y5
	VPAND    Y7, Y0, Y0
	VPAND    Y5, Y0, Y0
	ALL(Y0)

	// Y5 EtherType and what follows, Y6 the four bytes after.
	XORL DX, DX
	FRAMES(0, X0, Y0)
	FRAMES(1, X1, Y1)
	FRAMES(2, X2, Y2)
	FRAMES(3, X3, Y3)
	TESTB $1, DX
	JNZ   done
	VPUNPCKHDQ  Y1, Y0, Y4
	VPUNPCKHDQ  Y3, Y2, Y7
	VPUNPCKLQDQ Y7, Y4, Y5
	VPUNPCKHQDQ Y7, Y4, Y6

	// Y2 out of band, Y3 tag in the frame, Y0 VLAN.
	VPSLLD    $15, Y12, Y2
	VPSRAD    $31, Y2, Y2
	VPAND     low16<>(SB), Y5, Y4
	VPCMPEQD  vlan<>(SB), Y4, Y3
	VPCMPEQD  qinq<>(SB), Y4, Y7
	VPOR      Y7, Y3, Y3
	VPANDN    Y3, Y2, Y3
	VPSHUFB   upper<>(SB), Y5, Y0
	VPSRLD    $16, Y11, Y1
	VPAND     Y3, Y0, Y0
	VPAND     Y2, Y1, Y1
	VPOR      Y1, Y0, Y0
	VPAND     vlans<>(SB), Y0, Y0
	VMOVDQU   Y0, burst_from(DI)(BX*4)

	// Y10 place of the IPv4 header, Y13 bytes from there, Y4 IPv4 and room for a header.
	VPAND     low16<>(SB), Y6, Y6
	VPBLENDVB Y3, Y6, Y4, Y4
	VPCMPEQD  ipv4<>(SB), Y4, Y4
	VPAND     four<>(SB), Y3, Y3
	VPADDD    ethernet<>(SB), Y3, Y9
	VPADDD    Y9, Y10, Y10
	VPSUBD    Y9, Y13, Y13
	VPCMPGTD  nineteen<>(SB), Y13, Y5
	VPAND     Y5, Y4, Y4

	ALL(Y4)

	VPADDD    Y13, Y14, Y14
	VPADDD    Y9, Y14, Y14
	VPACKUSDW Y13, Y13, Y13
	VPERMQ    $0xd8, Y13, Y13
	VMOVDQU   Y10, burst_l3(DI)(BX*4)
	VMOVDQU   X13, burst_room(DI)(BX*2)
	ADDQ      $8, BX
	ADDQ      $128, SI
	DECQ      CX
	JNZ       eight

done:
	VEXTRACTI128 $1, Y14, X0
	VPADDD  X0, X14, X14
	VPSRLDQ $8, X14, X0
	VPADDD  X0, X14, X14
	VPSRLDQ $4, X14, X0
	VPADDD  X0, X14, X14
	VMOVD   X14, AX
	MOVQ    AX, bytes+64(FP)
	MOVQ    BX, CX
	MOVQ    live+16(FP), BX
	CMPQ    BX, CX
	JEQ     last
	VPXOR   X8, X8, X8
	PCALIGN $32

records: // Y6 Iface and Table, Y7 Flags and State.
	RECORDS(0, X0)
	RECORDS(4, X1)
	RECORDS(2, X2)
	RECORDS(6, X3)
	VINSERTI128 $1, X1, Y0, Y0
	VINSERTI128 $1, X3, Y2, Y2
	VSHUFPS     $0x88, Y2, Y0, Y6
	VSHUFPS     $0xdd, Y2, Y0, Y7
	VPAND       low16<>(SB), Y6, Y0  // Iface
	VPCMPEQD    Y8, Y0, Y1
	VPSLLD      $15, Y7, Y2          // IngressUp
	VPANDN      Y2, Y1, Y2
	VMOVMSKPS   Y2, AX
	CMPL        AX, $0xff
	JNE         last

	VPSRLD    $16, Y6, Y6
	VPSLLD    $16, Y7, Y7
	VPOR      Y6, Y7, Y7
	VPACKUSDW Y0, Y0, Y0
	VPERMQ    $0xd8, Y0, Y0
	VMOVDQU   Y7, burst_from(DI)(BX*4)
	VMOVDQU   X0, burst_iface(DI)(BX*2)
	MOVQ      R12, burst_at(DI)(BX*1)
	ADDQ      R13, R12
	ADDQ      $8, BX
	CMPQ      BX, CX
	JNE       records

last:
	SUBQ live+16(FP), CX
	MOVQ CX, framed+48(FP)
	SUBQ live+16(FP), BX
	MOVQ BX, done+56(FP)
	VZEROUPPER
	RET

// COUNT counts packet i of eight on its ingress interface: R11 counters.
#define COUNT(i) \
	MOVWLZX (burst_iface+2*i)(DI)(DX*2), AX  \
	MOVWLZX (burst_total+2*i)(DI)(BX*2), R10 \
	SHLQ    $4, AX                           \
	INCQ    (R11)(AX*1)                      \
	ADDQ    R10, 8(R11)(AX*1)

// ROOT prefetches what the lookup of packet i of eight, whose key is made, loads first: R9 root.
#define ROOT(i) \
	MOVL       (burst_key+8*i)(DI)(BX*8), AX \
	SHRL       $const_rootShift, AX          \
	PREFETCHT0 (R9)(AX*4)

// func validateKernel(b *burst, from, live int, mem memory, ifRx *ifaces, root *uint32) (done int)
//
//	DI b, DX from, BX live, CX groups left, R8 mem, R9 root, R11 ifRx
TEXT ·validateKernel(SB), NOSPLIT, $0-56
	MOVQ  b+0(FP), DI
	MOVQ  from+8(FP), DX
	MOVQ  live+16(FP), BX
	MOVQ  mem_base+24(FP), R8
	MOVQ  ifRx+32(FP), R11
	MOVQ  root+40(FP), R9
	MOVQ  burst_live(DI), CX
	SUBQ  DX, CX
	SHRQ  $3, CX
	JZ    done
	VMOVDQU low16<>(SB), Y15
	PCALIGN $32

eight:
	VMOVDQU burst_l3(DI)(DX*4), Y14

	// Y4 version to total length, Y5 identification and fragment, Y6 TTL to checksum, Y7 source, Y8 destination.
	HEADERS(0, X0, Y0)
	VMOVD       16(R8)(AX*1), X8
	VMOVD       16(R8)(R10*1), X9
	HEADERS(1, X1, Y1)
	VPINSRD     $1, 16(R8)(AX*1), X8, X8
	VPINSRD     $1, 16(R8)(R10*1), X9, X9
	HEADERS(2, X2, Y2)
	VPINSRD     $2, 16(R8)(AX*1), X8, X8
	VPINSRD     $2, 16(R8)(R10*1), X9, X9
	HEADERS(3, X3, Y3)
	VPINSRD     $3, 16(R8)(AX*1), X8, X8
	VPINSRD     $3, 16(R8)(R10*1), X9, X9
	VINSERTI128 $1, X9, Y8, Y8
	VPUNPCKLDQ  Y1, Y0, Y10
	VPUNPCKLDQ  Y3, Y2, Y11
	VPUNPCKHDQ  Y1, Y0, Y12
	VPUNPCKHDQ  Y3, Y2, Y13
	VPUNPCKLQDQ Y11, Y10, Y4
	VPUNPCKHQDQ Y11, Y10, Y5
	VPUNPCKLQDQ Y13, Y12, Y6
	VPUNPCKHQDQ Y13, Y12, Y7

	// Y0 the one's complement sum of the ten words: 0xffff for a good header (RFC 1071).
	VPAND  Y15, Y4, Y0
	VPSRLD $16, Y4, Y1
	VPAND  Y15, Y5, Y2
	VPSRLD $16, Y5, Y3
	VPADDD Y2, Y0, Y0
	VPADDD Y3, Y1, Y1
	VPAND  Y15, Y6, Y2
	VPSRLD $16, Y6, Y3
	VPADDD Y2, Y0, Y0
	VPADDD Y3, Y1, Y1
	VPAND  Y15, Y7, Y2
	VPSRLD $16, Y7, Y3
	VPADDD Y2, Y0, Y0
	VPADDD Y3, Y1, Y1
	VPAND  Y15, Y8, Y2
	VPSRLD $16, Y8, Y3
	VPADDD Y2, Y0, Y0
	VPADDD Y3, Y1, Y1
	VPADDD Y1, Y0, Y0
	VPAND  Y15, Y0, Y1
	VPSRLD $16, Y0, Y0
	VPADDD Y1, Y0, Y0
	VPCMPEQD Y15, Y0, Y0

	// Version 4 and no options; Y9 total length, from 20 to the bytes that there are.
	VPAND     low8<>(SB), Y4, Y1
	VPCMPEQD  plain<>(SB), Y1, Y1
	VPAND     Y1, Y0, Y0
	VPSHUFB   upper<>(SB), Y4, Y9
	VPMOVZXWD burst_room(DI)(DX*2), Y1
	VPCMPGTD  Y1, Y9, Y1
	VPANDN    Y0, Y1, Y0
	VPCMPGTD  nineteen<>(SB), Y9, Y1
	VPAND     Y1, Y0, Y0

	// The first octets of both addresses, in the halves of a lane: not 0, not 127, below 224.
	VPSLLD   $16, Y8, Y1
	VPBLENDW $0xaa, Y1, Y7, Y1
	VPAND    octets<>(SB), Y1, Y1
	VPXOR    X2, X2, X2
	VPCMPEQW Y1, Y2, Y2
	VPCMPEQW loopback<>(SB), Y1, Y3
	VPCMPGTW multicast<>(SB), Y1, Y1
	VPOR     Y2, Y3, Y2
	VPOR     Y2, Y1, Y1
	VPXOR    X2, X2, X2
	VPCMPEQD Y2, Y1, Y1
	VPAND    Y1, Y0, Y0
	ALL(Y0)

	// Y6 with a TTL of one less, if there is one, and a checksum of one more, or two where that brings a carry around: the sum with two
	// more is below 2 then.
	VPSUBUSB ttl<>(SB), Y6, Y6
	VMOVDQU  sum<>(SB), Y1
	VPADDD   Y1, Y6, Y6
	VPADDD   Y1, Y6, Y0
	VPMINUD  carried<>(SB), Y0, Y2
	VPCMPEQD Y2, Y0, Y2
	VPAND    Y1, Y2, Y2
	VPADDD   Y2, Y6, Y6
	VMOVDQU  Y6, burst_ttl(DI)(BX*4)

	VPSHUFB      swap<>(SB), Y8, Y8
	VMOVDQU      burst_from(DI)(DX*4), Y1
	VPUNPCKLDQ   Y1, Y8, Y2
	VPUNPCKHDQ   Y1, Y8, Y3
	VPACKUSDW    Y9, Y9, Y9
	VPERMQ       $0xd8, Y9, Y9
	MOVQ         burst_at(DI)(DX*1), AX
	MOVQ         AX, burst_at(DI)(BX*1)
	VMOVDQU      X2, burst_key(DI)(BX*8)
	VMOVDQU      X3, (burst_key+16)(DI)(BX*8)
	VEXTRACTI128 $1, Y2, (burst_key+32)(DI)(BX*8)
	VEXTRACTI128 $1, Y3, (burst_key+48)(DI)(BX*8)
	VMOVDQU      X9, burst_total(DI)(BX*2)
	VMOVDQU      Y14, burst_l3(DI)(BX*4)
	ADDQ $8, DX
	ADDQ $8, BX
	DECQ CX
	JNZ  eight

done:
	VZEROUPPER
	MOVQ BX, CX
	MOVQ from+8(FP), DX
	MOVQ live+16(FP), BX
	CMPQ BX, CX
	JEQ  last
	PCALIGN $32

count: // eight at a time, in a pass of its own: what it loads and adds to waits for nothing above
	ROOT(0)
	COUNT(0)
	ROOT(1)
	COUNT(1)
	ROOT(2)
	COUNT(2)
	ROOT(3)
	COUNT(3)
	ROOT(4)
	COUNT(4)
	ROOT(5)
	COUNT(5)
	ROOT(6)
	COUNT(6)
	ROOT(7)
	COUNT(7)
	ADDQ $8, DX
	ADDQ $8, BX
	CMPQ BX, CX
	JNE  count

last:
	SUBQ live+16(FP), BX
	MOVQ BX, done+48(FP)
	RET

// func lengthsKernel(d *packet.Desc, n int) (bytes uint64)
TEXT ·lengthsKernel(SB), NOSPLIT, $0-24
	MOVQ    d+0(FP), SI
	MOVQ    n+8(FP), CX
	VMOVDQU lengths<>(SB), Y2
	VPXOR   X0, X0, X0
	TESTQ   CX, CX
	JZ      done
	PCALIGN $32

four:
	VPAND  (SI), Y2, Y1
	VPADDD Y1, Y0, Y0
	VPAND  32(SI), Y2, Y1
	VPADDD Y1, Y0, Y0
	ADDQ   $64, SI
	SUBQ   $4, CX
	JNZ    four

done:
	VEXTRACTI128 $1, Y0, X1
	VPADDD  X1, X0, X0
	VPEXTRD $1, X0, AX
	MOVQ    AX, bytes+16(FP)
	VZEROUPPER
	RET

// func placesKernel(b *burst, n uint, adjs uint32)
TEXT ·placesKernel(SB), NOSPLIT, $0-20
	MOVQ  b+0(FP), DI
	MOVQ  n+8(FP), CX
	MOVL  adjs+16(FP), AX
	DECL  AX
	VMOVD AX, X2
	VPBROADCASTD X2, Y2
	ADDQ  $7, CX
	SHRQ  $3, CX
	XORL  BX, BX
	PCALIGN $32

eight:
	VMOVDQU  burst_hop(DI)(BX*1), Y0
	VPMINUD  Y2, Y0, Y1
	VPCMPEQD Y0, Y1, Y1
	VPAND    Y0, Y1, Y0
	VPSLLD   $const_adjShift, Y0, Y0
	VMOVDQU  Y0, burst_place(DI)(BX*1)
	ADDQ     $32, BX
	DECQ     CX
	JNZ      eight
	VZEROUPPER
	RET

// func rewriteKernel(w *Worker, from, to int, mem memory, adj *vrftable.Adjacency, ifTx *ifaces) (next int)
//
//	DI w, SI place in the dense arrays, R8 mem, R9 adj, R14 ifTx
//	R12 adjacency, R10 place of the IPv4 header, R11 total length, DX port, R13 its egress
TEXT ·rewriteKernel(SB), NOSPLIT, $0-56
	MOVQ w+0(FP), DI
	MOVQ from+8(FP), SI
	MOVQ mem_base+24(FP), R8
	MOVQ adj+32(FP), R9
	MOVQ ifTx+40(FP), R14
	MOVQ to+16(FP), R15
	CMPQ SI, R15
	JGE  done
	TESTQ SI, SI
	JNZ  packet
	XORL CX, CX

prime:
	MOVL (Worker_b+burst_place)(DI)(CX*4), AX
	PREFETCHT0 (R9)(AX*1)
	INCQ CX
	CMPQ CX, $const_adjacencyAhead
	JNE  prime
	PCALIGN $32

packet:
	MOVL    (Worker_b+burst_place+4*const_adjacencyAhead)(DI)(SI*4), AX
	PREFETCHT0 (R9)(AX*1)
	MOVL    (Worker_b+burst_place)(DI)(SI*4), R12
	ADDQ    R9, R12
	MOVL    (Worker_b+burst_l3)(DI)(SI*4), R10
	MOVWLZX (Worker_b+burst_total)(DI)(SI*2), R11
	MOVWLZX const_adjPort(R12), DX
	MOVL    (Worker_b+burst_ttl)(DI)(SI*4), BX
	CMPB    const_adjKind(R12), $const_adjForward
	JNE     done
	CMPW    const_adjMTU(R12), R11
	JCS     done
	TESTB   BX, BX
	JZ      done
	CMPL    DX, $const_MaxPorts
	JCC     done
	MOVQ    Worker_out(DI)(DX*8), R13
	TESTQ   R13, R13
	JZ      done

	// Each store less lets the core look further ahead. The header, of up to 24 bytes, is two: its first 8 bytes, and 16 up to the IPv4
	// header, which are the last of it and, where it is shorter, bytes before the frame. BX its length.
	MOVL    BX, 8(R8)(R10*1)
	MOVBLZX const_adjHdrLen(R12), BX
	MOVQ    const_adjHeader(R12), AX
	MOVQ    R10, CX
	SUBQ    BX, CX
	MOVQ    AX, (R8)(CX*1)
	VMOVDQU (const_adjHeader-16)(R12)(BX*1), X0
	VMOVDQU X0, -16(R8)(R10*1)
	LEAL    (BX)(R11*1), R10 // length of the frame

	// The descriptor to the port's queue.
	SHLQ    $const_descLen, R10
	ORQ     CX, R10
	MOVBLZX (Worker_b+burst_at)(DI)(SI*1), AX
	SHLQ    $4, AX
	MOVQ    (Worker_b+burst_d+8)(DI)(AX*1), AX
	ANDQ    $~0x1ffff, AX
	ORQ     DX, AX
	MOVQ    egress_n(R13), BX
	TESTQ   BX, BX
	JZ      first

queue:
	LEAQ    (BX)(BX*1), CX
	MOVQ    R10, egress_d(R13)(CX*8)
	MOVQ    AX, (egress_d+8)(R13)(CX*8)
	INCQ    BX
	MOVQ    BX, egress_n(R13)
	MOVWLZX const_adjIface(R12), AX
	SHLQ    $4, AX
	INCQ    (R14)(AX*1)
	ADDQ    R11, 8(R14)(AX*1)
	INCQ    SI
	CMPQ    SI, R15
	JNE     packet

done:
	MOVQ SI, next+48(FP)
	RET

first: // of the burst on this port
	MOVQ (Worker_b+burst_queues)(DI), CX
	MOVB DX, (Worker_b+burst_queue)(DI)(CX*1)
	INCQ (Worker_b+burst_queues)(DI)
	JMP  queue
