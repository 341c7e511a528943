package mrt

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Sizes of a stream.
const (
	chunkSize = 1 << 18 // what is decompressed at a time
	chunks    = 8       // in use at most: read, waiting, and being filled
	readSize  = 1 << 16 // what is read of a file at a time
)

// chunk is bytes of the file; the last has an error: io.EOF or what went wrong after them.
type chunk struct {
	b   []byte
	err error
}

// stream hands out a file's bytes in order. A goroutine of its own reads and decompresses ahead, so that this and parsing
// take two CPUs. It belongs to one goroutine. Close ends it.
type stream struct {
	full   chan chunk
	empty  chan []byte
	quit   chan struct{}
	ended  chan struct{}
	cur    chunk
	rest   []byte // of cur
	whole  []byte // what take puts together of two chunks or more
	offset int64  // of rest
}

func newStream(r io.Reader) *stream {
	s := &stream{full: make(chan chunk, chunks), empty: make(chan []byte, chunks), quit: make(chan struct{}),
		ended: make(chan struct{})}
	for range chunks {
		s.empty <- nil // made when needed
	}
	go s.fill(r)
	return s
}

// Close stops the goroutine, and returns when it does not use the reader any more.
func (s *stream) Close() {
	close(s.quit)
	<-s.ended
}

func (s *stream) fill(r io.Reader) {
	defer close(s.ended)
	in, err := decompress(r)
	if err == nil {
		defer in.Close()
	}
	for {
		var b []byte
		select {
		case b = <-s.empty:
		case <-s.quit:
			return
		}
		if b == nil {
			b = make([]byte, chunkSize)
		}
		n := 0
		for n < chunkSize && err == nil {
			var k int
			k, err = in.Read(b[n:chunkSize])
			n += k
		}
		s.full <- chunk{b[:n], err}
		if err != nil {
			return
		}
	}
}

// decompress recognises gzip (RFC 1952 2.3.1) and bzip2 by their first bytes; anything else is plain. An MRT file begins
// with the time of its first record: as a time, these bytes are of 1986 and 2005, when the one did not exist yet and the
// other's next byte is not of a bzip2 file. Close ends what reads ahead, and leaves r open.
func decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, readSize)
	magic, _ := br.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b, 8}):
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return zr, nil
	case bytes.HasPrefix(magic, []byte("BZh")) && len(magic) == 4 && magic[3] >= '1' && magic[3] <= '9':
		return newBzipReader(br), nil
	}
	return io.NopCloser(br), nil
}

// take returns the next n bytes, good until the next call. io.EOF: there is not one more; io.ErrUnexpectedEOF: fewer than n.
func (s *stream) take(n int) ([]byte, error) {
	if len(s.rest) >= n {
		b := s.rest[:n]
		s.rest = s.rest[n:]
		s.offset += int64(n)
		return b, nil
	}
	s.whole = s.whole[:0]
	for len(s.whole) < n {
		if len(s.rest) == 0 {
			if err := s.next(); err != nil {
				if err == io.EOF && len(s.whole) > 0 {
					err = io.ErrUnexpectedEOF
				}
				return nil, err
			}
			continue
		}
		part := s.rest[:min(len(s.rest), n-len(s.whole))]
		s.whole = append(s.whole, part...)
		s.rest = s.rest[len(part):]
		s.offset += int64(len(part))
	}
	return s.whole, nil
}

// next goes on to the next chunk. An error stays.
func (s *stream) next() error {
	if s.cur.err != nil {
		return s.cur.err
	}
	if s.cur.b != nil {
		s.empty <- s.cur.b[:chunkSize]
	}
	s.cur = <-s.full
	s.rest = s.cur.b
	return nil
}
