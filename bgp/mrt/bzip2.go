package mrt

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"runtime"
	"sync"
)

// A bzip2 file is streams one after the other, each a header "BZh1" to "BZh9", blocks of up to 900,000 bytes, and an end:
//
//	| "BZh9" | block magic (48 bits) | CRC (32) | ... | block magic | CRC | ... | end magic (48) | CRC of all (32) | to a byte |
//
// Blocks begin at any bit, and nothing says how long they are; but each can be decoded without the others. So one goroutine
// looks for the magics, and as many as there are CPUs decode blocks with the standard library, each made a stream of
// its own. A magic that stands in a block by chance (once in 2^48 bits) makes the block look damaged.
const (
	blockMagic = 0x314159265359 // pi
	endMagic   = 0x177245385090 // its square root
	magicBits  = 48
	crcBits    = 32

	mostBlock = 2 << 20 // bytes of a compressed block: 900,000 that do not compress need some more
	bzipRead  = 1 << 18
)

// secondByte says, by the value of a byte, at which of the eight bits of the byte before a magic may begin: the byte is the
// first that lies wholly in it, but for bit 0, where it is the second.
var secondByte = func() (table [256]uint8) {
	for shift := range 8 {
		for _, magic := range []uint64{blockMagic, endMagic} {
			table[byte(magic>>(32+shift))] |= 1 << shift
		}
	}
	return table
}()

// bzipBlock is a block to be decoded.
type bzipBlock struct {
	packed []byte // as a stream of its own
	out    []byte
	err    error
	done   chan struct{}
}

func (b *bzipBlock) decode() {
	defer close(b.done)
	// A level's block holds 100,000 bytes, and more where runs were counted before.
	room := int(b.packed[3]-'0')*100_000 + bytes.MinRead
	out := bytes.NewBuffer(make([]byte, 0, room))
	_, b.err = out.ReadFrom(bzip2.NewReader(bytes.NewReader(b.packed)))
	b.out, b.packed = out.Bytes(), nil
}

// bzipReader decompresses bzip2. Close ends its goroutines.
type bzipReader struct {
	order chan *bzipBlock // as they are in the file
	work  chan *bzipBlock
	quit  chan struct{}
	all   sync.WaitGroup
	rest  []byte
	err   error
}

func newBzipReader(r io.Reader) *bzipReader {
	workers := runtime.GOMAXPROCS(0)
	z := &bzipReader{order: make(chan *bzipBlock, workers), work: make(chan *bzipBlock, workers), quit: make(chan struct{})}
	z.all.Go(func() {
		defer close(z.work)
		defer close(z.order)
		s := bzipSplitter{in: r, emit: z.emit}
		if err := s.split(); err != nil {
			failed := &bzipBlock{err: err, done: make(chan struct{})}
			close(failed.done)
			select {
			case z.order <- failed:
			case <-z.quit:
			}
		}
	})
	for range workers {
		z.all.Go(func() {
			for b := range z.work {
				b.decode()
			}
		})
	}
	return z
}

// emit hands a block to the workers and, in its order, to Read. False: nobody reads any more.
func (z *bzipReader) emit(packed []byte) bool {
	b := &bzipBlock{packed: packed, done: make(chan struct{})}
	select {
	case z.work <- b:
	case <-z.quit:
		return false
	}
	select {
	case z.order <- b:
	case <-z.quit:
		return false
	}
	return true
}

// Read gives what the blocks hold, in order. Errors stay.
func (z *bzipReader) Read(p []byte) (int, error) {
	for len(z.rest) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		b, more := <-z.order
		if !more {
			z.err = io.EOF
			continue
		}
		<-b.done
		z.rest, z.err = b.out, b.err
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// Close ends the goroutines. The reader below is not used any more when it returns.
func (z *bzipReader) Close() error {
	close(z.quit)
	z.all.Wait()
	return nil
}

// bzipSplitter finds the blocks of a file.
type bzipSplitter struct {
	in   io.Reader
	emit func(packed []byte) bool
	buf  []byte  // read, from the first byte that is still needed
	end  bool    // of the file
	at   int     // bit of buf up to which all is done
	head [4]byte // of the stream
}

var errBzip = errors.New("bzip2: the file is damaged")

// more reads on. False: the file ends.
func (s *bzipSplitter) more() (bool, error) {
	if s.end {
		return false, nil
	}
	s.buf = append(s.buf[:0], s.buf[s.at/8:]...)
	s.at %= 8
	n := len(s.buf)
	s.buf = append(s.buf, make([]byte, bzipRead)...)
	k, err := io.ReadFull(s.in, s.buf[n:])
	s.buf = s.buf[:n+k]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		s.end, err = true, nil
	}
	return k > 0, err
}

// need makes sure that so many bits are there from s.at on.
func (s *bzipSplitter) need(n int) error {
	for 8*len(s.buf)-s.at < n {
		more, err := s.more()
		if err != nil {
			return err
		}
		if !more {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// word returns n bits, up to 56, from a bit on.
func (s *bzipSplitter) word(at, n int) uint64 {
	var b [8]byte
	copy(b[:], s.buf[at/8:])
	return binary.BigEndian.Uint64(b[:]) << (at % 8) >> (64 - n)
}

// split emits all blocks.
func (s *bzipSplitter) split() error {
	for first := true; ; first = false {
		if err := s.need(8); err == io.ErrUnexpectedEOF && !first {
			return nil
		}
		if err := s.need(32 + magicBits); err != nil {
			return err
		}
		if head := s.buf[s.at/8:]; !bytes.HasPrefix(head, []byte("BZh")) || head[3] < '1' || head[3] > '9' {
			return fmt.Errorf("%w: no stream begins where one ends", errBzip)
		}
		copy(s.head[:], s.buf[s.at/8:])
		s.at += 32
		if more, err := s.stream(); err != nil || !more {
			return err
		}
	}
}

// stream emits the blocks of a stream, and ends at the byte after it. False: nobody reads any more.
func (s *bzipSplitter) stream() (more bool, err error) {
	var sum uint32
	for {
		if err := s.need(magicBits + crcBits); err != nil {
			return false, err
		}
		magic, crc := s.word(s.at, magicBits), uint32(s.word(s.at+magicBits, crcBits))
		if magic == endMagic {
			if crc != sum {
				return false, fmt.Errorf("%w: checksum %08x, %08x is wanted", errBzip, sum, crc)
			}
			s.at = (s.at + magicBits + crcBits + 7) / 8 * 8
			return true, nil
		}
		if magic != blockMagic {
			return false, fmt.Errorf("%w: no block begins where one ends", errBzip)
		}
		sum = bits.RotateLeft32(sum, 1) ^ crc
		n, err := s.find()
		if err != nil {
			return false, err
		}
		if !s.emit(s.block(n, crc)) {
			return false, nil
		}
		s.at += n
	}
}

// find returns how many bits the block at s.at has: up to the next magic.
func (s *bzipSplitter) find() (n int, err error) {
	from := magicBits
	for {
		// A magic and the byte after where it begins must be there.
		last := 8*len(s.buf) - magicBits - 8
		for at := s.at + from; at <= last; at = (at/8 + 1) * 8 {
			may := secondByte[s.buf[at/8+1]] >> (at % 8) << (at % 8)
			for ; may != 0; may &= may - 1 {
				bit := at/8*8 + bits.TrailingZeros8(may)
				if w := s.word(bit, magicBits); w == blockMagic || w == endMagic {
					return bit - s.at, nil
				}
			}
			from = (at/8+1)*8 - s.at
		}
		if from > 8*mostBlock {
			return 0, fmt.Errorf("%w: a block does not end", errBzip)
		}
		more, err := s.more()
		if err != nil {
			return 0, err
		}
		if !more {
			return s.tail(from)
		}
	}
}

// tail looks at the last bits of a file, where a magic has nothing behind it that find needs.
func (s *bzipSplitter) tail(from int) (n int, err error) {
	for n = from; s.at+n+magicBits <= 8*len(s.buf); n++ {
		if w := s.word(s.at+n, magicBits); w == blockMagic || w == endMagic {
			return n, nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// block makes a stream of the n bits from s.at on, which are a block with a CRC.
func (s *bzipSplitter) block(n int, crc uint32) []byte {
	out := make([]byte, 0, n/8+24)
	out = append(out, s.head[:]...)
	shift := s.at % 8
	from := s.buf[s.at/8:]
	for i := range n / 8 {
		b := from[i] << shift
		if shift > 0 {
			b |= from[i+1] >> (8 - shift)
		}
		out = append(out, b)
	}
	w := bitWriter{out: out}
	if left := n % 8; left > 0 {
		w.put(s.word(s.at+n-left, left), left)
	}
	w.put(endMagic, magicBits)
	w.put(uint64(crc), crcBits) // of all: of one block it is the block's
	w.put(0, 7)                 // to a byte
	return w.out
}

// bitWriter appends bits to bytes.
type bitWriter struct {
	out []byte
	acc uint64
	n   int // bits of acc that are not in out: below 8 between calls
}

// put appends the lowest n bits of v, up to 56, which has no others.
func (w *bitWriter) put(v uint64, n int) {
	w.acc, w.n = w.acc<<n|v, w.n+n
	for w.n >= 8 {
		w.n -= 8
		w.out = append(w.out, byte(w.acc>>w.n))
	}
}
