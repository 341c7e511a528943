package gen

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"vrfwd/lpm"
)

// DumpConfig describes what a collector's dump holds.
type DumpConfig struct {
	Routes []lpm.Route // the prefixes, sorted; hops do not count
	Peers  int         // 1..MaxPeers
	Seed   uint64      // of paths and attributes
	// Paths, up to MaxPaths, is how many paths each peer has for a prefix: with more than one, records are RFC 8050's, with path
	// identifiers from 1. 0: 1, and RFC 6396's records.
	Paths int
	Time  time.Time // zero: DefaultTime
}

// MaxPaths is how many paths a made-up peer has for a prefix at most: it keeps a record with MaxPeers peers below 65,536 entries.
const MaxPaths = 16

// lacks is how seldom a peer but the first lacks a prefix: once in so many.
const lacks = 64

// WriteDump writes a collector's table as MRT's TABLE_DUMP_V2 (RFC 6396 4.3): the PEER_INDEX_TABLE, then one
// RIB_IPV4_UNICAST record a prefix, or with Paths RIB_IPV4_UNICAST_ADDPATH (RFC 8050 4.1). The first peer has every prefix,
// each other peer lacks one in 64, as peers' tables differ. What paths and attributes are modelled after is said at bundles
// and appendAttrs. 1,000,000 routes take some 90 MB a peer before compression.
//
// It writes in large pieces. Errors: a configuration that cannot be, and w's.
func WriteDump(w io.Writer, c DumpConfig) error {
	peers, err := Peers(c.Peers, c.Seed)
	if err != nil {
		return err
	}
	if c.Paths < 0 || c.Paths > MaxPaths {
		return fmt.Errorf("gen: %d paths of a peer for a prefix: 1 to %d are possible", c.Paths, MaxPaths)
	}
	if c.Time.IsZero() {
		c.Time = DefaultTime
	}
	d := dumper{config: c, peers: peers, out: bufio.NewWriterSize(w, 1<<16)}
	d.index()
	all, starts := bundles(c.Routes, c.Seed)
	for i, b := range all {
		if d.err != nil {
			break
		}
		end := len(c.Routes)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		d.run(b, starts[i], end)
	}
	if err := d.out.Flush(); err != nil {
		return fmt.Errorf("gen: write dump: %w", err)
	}
	return nil
}

// dumper writes one dump.
type dumper struct {
	config DumpConfig
	peers  []Peer
	out    *bufio.Writer
	err    error
	record []byte
	attrs  []byte   // of the run at hand: all peers' blocks, path by path
	blocks [][]byte // parts of attrs
	ends   []int
}

// index writes the PEER_INDEX_TABLE (RFC 6396 4.3.1).
func (d *dumper) index() {
	const view = "vrfwd gen"
	b := mrtRecord(d.record[:0], d.config.Time, mrtTableDumpV2, mrtPeerIndexTable)
	b = binary.BigEndian.AppendUint32(b, collector)
	b = binary.BigEndian.AppendUint16(b, uint16(len(view)))
	b = append(b, view...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(d.peers)))
	for _, p := range d.peers {
		b = append(b, mrtPeerAS4)
		b = binary.BigEndian.AppendUint32(b, p.Addr) // BGP identifier
		b = binary.BigEndian.AppendUint32(b, p.Addr)
		b = binary.BigEndian.AppendUint32(b, p.AS)
	}
	d.write(b)
}

func (d *dumper) write(b []byte) {
	endRecord(b)
	_, d.err = d.out.Write(b) // which goes on failing: Flush tells
	d.record = b
}

// run writes the records of the routes from..to-1, which are of one bundle.
func (d *dumper) run(b bundle, from, to int) {
	paths := max(1, d.config.Paths)
	d.attrs, d.ends = d.attrs[:0], d.ends[:0]
	for i, p := range d.peers {
		for path := range paths {
			v := b
			v.variant += uint32(path) * variantStride
			d.attrs = v.appendAttrs(d.attrs, peerRank(i, d.config.Seed), p.Addr, d.config.Seed)
			d.ends = append(d.ends, len(d.attrs))
		}
	}
	d.blocks = d.blocks[:0]
	start := 0
	for _, end := range d.ends {
		d.blocks = append(d.blocks, d.attrs[start:end])
		start = end
	}
	for i := from; i < to; i++ {
		d.prefix(i, paths)
	}
}

// prefix writes the record of one prefix (RFC 6396 4.3.2 and 4.3.4).
func (d *dumper) prefix(i, paths int) {
	r := d.config.Routes[i]
	subtype := uint16(mrtRIBIPv4)
	if d.config.Paths > 1 {
		subtype = mrtRIBIPv4AddPath
	}
	b := mrtRecord(d.record[:0], d.config.Time, mrtTableDumpV2, subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(i))
	b = appendNLRI(b, r.Addr, r.Len)
	count := len(b)
	b = append(b, 0, 0)
	entries := 0
	for peer := range d.peers {
		if !hasPrefix(peer, r, d.config.Seed) {
			continue
		}
		age := uint32(mix(d.config.Seed, uint64(i), uint64(peer)) % (30 * 86400))
		for path := range paths {
			block := d.blocks[peer*paths+path]
			b = binary.BigEndian.AppendUint16(b, uint16(peer))
			b = binary.BigEndian.AppendUint32(b, uint32(d.config.Time.Unix())-age)
			if d.config.Paths > 1 {
				b = binary.BigEndian.AppendUint32(b, uint32(path+1))
			}
			b = binary.BigEndian.AppendUint16(b, uint16(len(block)))
			b = append(b, block...)
			entries++
		}
	}
	binary.BigEndian.PutUint16(b[count:], uint16(entries))
	d.write(b)
}

// hasPrefix tells whether a peer has a prefix when the dump is written.
func hasPrefix(peer int, r lpm.Route, seed uint64) bool {
	return peer == 0 || mix(seed, uint64(r.Addr)<<8|uint64(r.Len), uint64(peer))%lacks != 0
}
