package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"os"

	"vrfwd/lpm"
)

// lineLen is a frame in an input: one cache line, as gen has it.
const lineLen = 64

// ports that the C loop sends to (PORTS in dpdk/peers.h).
const ports = 4

// adjacency is what a hop stands for in the C loop.
type adjacency struct {
	Port   uint32
	Header [14]byte
	_      [2]byte
}

// input is what both sides work on: the routes, the keys set by set, and the frames. dpdk/peers.h draws the file.
type input struct {
	adjacencies []adjacency // of hop 1 on
	routes      []lpm.Route // sorted by address and length
	sets        [][]uint32  // equally long, by number of a power of two
	frames      [][lineLen]byte
}

// write writes the file that the C side reads, and checks by the FNV-1a at its end.
func (in *input) write(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	b, sum := bufio.NewWriterSize(f, 1<<20), fnv.New64a()
	w := io.MultiWriter(b, sum)
	put := func(v any) {
		if err == nil {
			err = binary.Write(w, binary.LittleEndian, v)
		}
	}
	put([]byte("vrfpeer1"))
	put([]uint32{uint32(len(in.adjacencies)), uint32(len(in.routes)), uint32(len(in.sets)), uint32(len(in.sets[0])), uint32(len(in.frames))})
	put(in.adjacencies)
	routes := make([][3]uint32, len(in.routes))
	for i, r := range in.routes {
		routes[i] = [3]uint32{r.Addr, uint32(r.Len), uint32(r.Hop)}
	}
	put(routes)
	for _, set := range in.sets {
		put(set)
	}
	put(in.frames)
	put(sum.Sum64())
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// answers is the checksum of a set's answers: FNV-1a over the hops, four bytes each, little endian.
type answers struct{ hash.Hash64 }

func newAnswers() answers { return answers{fnv.New64a()} }

func (a answers) add(hops []lpm.Hop) {
	var b [4]byte
	for _, h := range hops {
		binary.LittleEndian.PutUint32(b[:], uint32(h))
		a.Write(b[:])
	}
}
