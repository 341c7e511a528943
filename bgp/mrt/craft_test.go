package mrt

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"vrfwd/gen"
	"vrfwd/lpm"
)

// The formats once more, for tests: what builds files by hand does it here, field by field.

func u16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func rec(kind, subtype int, body ...[]byte) []byte {
	b := cat(body...)
	return cat(u32(1_700_000_000), u16(kind), u16(subtype), u32(uint32(len(b))), b)
}

func addr(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

func nlri(s string) []byte {
	p := netip.MustParsePrefix(s)
	return cat([]byte{byte(p.Bits())}, p.Addr().AsSlice()[:(p.Bits()+7)/8])
}

// peers of every handmade dump: a 2-byte AS, a 4-byte AS, and one with an IPv6 address.
func peersRecord() []byte {
	return rec(13, 1, addr("192.0.2.99"), u16(4), []byte("view"), u16(3),
		[]byte{0}, addr("10.0.0.1"), addr("192.0.2.1"), u16(64500),
		[]byte{2}, addr("10.0.0.2"), addr("192.0.2.2"), u32(4_200_000_000),
		[]byte{3}, addr("10.0.0.3"), addr("2001:db8::3"), u32(64503))
}

// attr is one attribute; of more than 255 bytes with an extended length.
func attr(flags, kind int, value ...[]byte) []byte {
	v := cat(value...)
	if len(v) > 255 {
		return cat([]byte{byte(flags | 0x10), byte(kind)}, u16(len(v)), v)
	}
	return cat([]byte{byte(flags), byte(kind), byte(len(v))}, v)
}

func origin(v byte) []byte { return attr(0x40, 1, []byte{v}) }

func nextHop(s string) []byte { return attr(0x40, 3, addr(s)) }

// seg is a segment of a path with ASes of size bytes.
func seg(size int, kind byte, ases ...uint32) []byte {
	b := []byte{kind, byte(len(ases))}
	for _, as := range ases {
		b = append(b, u32(as)[4-size:]...)
	}
	return b
}

func path(segments ...[]byte) []byte { return attr(0x40, 2, segments...) }

// plain is the attributes of a route without anything special.
func plain() []byte { return cat(origin(0), path(seg(4, 2, 64500, 64510)), nextHop("192.0.2.1")) }

func entry(peer int, attrs []byte) []byte {
	return cat(u16(peer), u32(1_600_000_000), u16(len(attrs)), attrs)
}

func addPathEntry(peer int, id uint32, attrs []byte) []byte {
	return cat(u16(peer), u32(1_600_000_000), u32(id), u16(len(attrs)), attrs)
}

func rib(subtype int, prefix string, entries ...[]byte) []byte {
	return rec(13, subtype, u32(0), nlri(prefix), u16(len(entries)), cat(entries...))
}

// said is a BGP4MP record with an UPDATE of peer 192.0.2.2 in AS 64502.
func said(kind, subtype, size int, gone, attrs, come []byte) []byte {
	var micros []byte
	if kind == 17 {
		micros = u32(250_000)
	}
	update := cat(u16(len(gone)), gone, u16(len(attrs)), attrs, come)
	return rec(kind, subtype, micros, u32(64502)[4-size:], u32(64999)[4-size:], u16(0), u16(1), addr("192.0.2.2"), addr("192.0.2.99"),
		bytes.Repeat([]byte{255}, 16), u16(19+len(update)), []byte{2}, update)
}

// synthetic makes the table that a dump or an update file is of.
func synthetic(t testing.TB, routes int, seed uint64) []lpm.Route {
	t.Helper()
	list, err := gen.Synthetic(gen.TableConfig{Routes: routes, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// table makes a table and a dump of it.
func table(t testing.TB, c gen.DumpConfig, routes int) ([]lpm.Route, []byte) {
	t.Helper()
	c.Routes = synthetic(t, routes, c.Seed)
	var b bytes.Buffer
	if err := gen.WriteDump(&b, c); err != nil {
		t.Fatal(err)
	}
	return c.Routes, b.Bytes()
}

// updates makes an update file.
func updates(t testing.TB, c gen.UpdatesConfig, routes int) []byte {
	t.Helper()
	c.Routes = synthetic(t, routes, c.Seed)
	var b bytes.Buffer
	if err := gen.WriteUpdates(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, file []byte, c Choice) *Dump {
	t.Helper()
	d, err := Read(bytes.NewReader(file), "rib", c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
