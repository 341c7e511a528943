package gen

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrfwd/lpm"
)

func TestReadTable(t *testing.T) {
	const text = "# a list\n\n192.0.2.0/24 10.0.0.2\r\n  0.0.0.0/0\t10.0.0.1 # default\n2001:db8::/32\n10.0.0.0/8\n10.0.0.0/16 10.0.0.2"
	want := []Entry{
		{Addr: 0, Len: 0, NextHop: 10<<24 | 1, Line: 4},
		{Addr: 10 << 24, Len: 8, Line: 6},
		{Addr: 10 << 24, Len: 16, NextHop: 10<<24 | 2, Line: 7},
		{Addr: 192<<24 | 2<<8, Len: 24, NextHop: 10<<24 | 2, Line: 3},
	}
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	zw.Write([]byte(text))
	zw.Close()
	for name, input := range map[string]string{"plain": text, "gzip": packed.String()} {
		list, err := ReadTable(strings.NewReader(input), name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(list.Entries, want) || list.IPv6 != 1 {
			t.Errorf("%s: %+v", name, list)
		}
	}
	path := filepath.Join(t.TempDir(), "table.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := ReadTableFile(path); err != nil || !slices.Equal(list.Entries, want) {
		t.Errorf("file: %+v, %v", list, err)
	}
	if _, err := ReadTableFile(path + ".no"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestReadTableRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		col  int
		says string
	}{
		{"10.0.0.0", 1, 9, "no /length"},
		{"10.0.0.0/8\n 10.0.0/8", 2, 2, "not an IPv4 prefix"},
		{"10.0.0.256/32", 1, 1, "not an IPv4 prefix"},
		{"10.0.0.01/32", 1, 1, "leading zeros"},
		{"10.0.0.0/33", 1, 10, "0 to 32"},
		{"10.0.0.0/", 1, 10, "0 to 32"},
		{"10.0.0.0/08", 1, 10, "0 to 32"},
		{"10.0.0.0/8x", 1, 10, "0 to 32"},
		{"10.0.0.0x/8", 1, 9, "no /length"},
		{"10.0.0.1/8", 1, 1, "10.0.0.0/8 is the prefix"},
		{"0.0.0.1/0", 1, 1, "0.0.0.0/0 is the prefix"},
		{"10.0.0.0/8 gw", 1, 12, "not a next hop"},
		{"10.0.0.0/8 1.2.3.4.5", 1, 12, "not a next hop"},
		{"10.0.0.0/8 0.0.0.0", 1, 12, "0.0.0.0"},
		{"10.0.0.0/8 1.2.3.4 5", 1, 20, "after the next hop"},
		{"hello", 1, 1, "not an IPv4 prefix"},
		{"2001:db8::/129", 1, 1, "not an IPv6 prefix"},
		{"10.0.0.0/8\n# x\n10.0.0.0/9\n10.0.0.0/8 1.1.1.1", 4, 1, "line 1"},
		{"10.0.0.0/8\n" + strings.Repeat("#", MaxLine), 2, MaxLine, "line too long"},
		{"10.0.0.0/8\x00", 1, 10, "not a prefix length"},
	} {
		list, err := ReadTable(strings.NewReader(c.text), "list.txt")
		var at *SyntaxError
		if !errors.As(err, &at) || list != nil {
			t.Errorf("%.30q: %v, %v; want a SyntaxError alone", c.text, list, err)
			continue
		}
		if at.File != "list.txt" || at.Line != c.line || at.Column != c.col || !strings.Contains(at.Reason, c.says) {
			t.Errorf("%.30q: %v; want line %d, column %d, %q", c.text, err, c.line, c.col, c.says)
		}
	}
	if _, err := ReadTable(strings.NewReader("\x1f\x8bnot gzip at all"), "x.gz"); err == nil || !strings.Contains(err.Error(), "x.gz") {
		t.Errorf("broken gzip: %v", err)
	}
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	zw.Write([]byte("10.0.0.0/8\n"))
	zw.Close()
	if _, err := ReadTable(bytes.NewReader(packed.Bytes()[:packed.Len()-6]), "cut.gz"); err == nil || !strings.Contains(err.Error(), "cut.gz:") {
		t.Errorf("truncated gzip: %v", err)
	}
}

func TestListRoutes(t *testing.T) {
	list, err := ReadTable(strings.NewReader("1.0.0.0/8 10.0.0.9\n2.0.0.0/8\n3.0.0.0/8 10.0.0.1\n4.0.0.0/8 10.0.0.9\n5.0.0.0/8"), "x")
	if err != nil {
		t.Fatal(err)
	}
	routes, gateways, err := list.Routes(3, Hashed, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint32{10<<24 | 1, 10<<24 | 9, 0, 0, 0}; !slices.Equal(gateways, want) {
		t.Errorf("gateways %x, want %x", gateways, want)
	}
	hops := []lpm.Hop{routes[0].Hop, routes[2].Hop, routes[3].Hop}
	if !slices.Equal(hops, []lpm.Hop{2, 1, 2}) {
		t.Errorf("named next hops %v", hops)
	}
	for _, r := range []lpm.Route{routes[1], routes[4]} {
		within(t, "hop of an entry without next hop", float64(r.Hop), 3, 5)
	}
	if _, _, err := list.Routes(int(lpm.MaxHop)-1, Hashed, 1); err == nil {
		t.Error("more next hops than there are: no error")
	}
}

func TestWriteTable(t *testing.T) {
	var entries []Entry
	for i, r := range mustSynthetic(t, TableConfig{Routes: 2000, NextHops: 9}) {
		entries = append(entries, Entry{Addr: r.Addr, Len: r.Len, NextHop: uint32(r.Hop) % 3 * 0x01020304, Line: i + 1})
	}
	var text bytes.Buffer
	if err := WriteTable(&text, entries); err != nil {
		t.Fatal(err)
	}
	list, err := ReadTable(&text, "x")
	if err != nil || !slices.Equal(list.Entries, entries) {
		t.Errorf("the round trip changed the table (%v)", err)
	}
}

func TestHash(t *testing.T) {
	a := []lpm.Route{{Addr: 10 << 24, Len: 8, Hop: 1}}
	if got := Hash(a); got != "b7f8571b8367af95" {
		t.Errorf("hash is %s: recorded results name another", got)
	}
	for _, b := range [][]lpm.Route{nil, {{Addr: 10 << 24, Len: 9, Hop: 1}}, {{Addr: 10 << 24, Len: 8, Hop: 2}}, append(a, a...)} {
		if Hash(b) == Hash(a) {
			t.Errorf("%v has the hash of %v", b, a)
		}
	}
}

// FuzzReadTable: never a panic; what is accepted agrees with net/netip line by line and survives the round trip.
func FuzzReadTable(f *testing.F) {
	f.Add([]byte("10.0.0.0/8 1.2.3.4 # x\n2001:db8::/32\n\n"))
	f.Add([]byte("10.0.0.1/8"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ReadTable(bytes.NewReader(data), "fuzz")
		if err != nil {
			if list != nil {
				t.Fatal("a list beside an error")
			}
			return
		}
		var text bytes.Buffer
		if err := WriteTable(&text, list.Entries); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
			if len(list.Entries) == 0 {
				break
			}
			p, err := netip.ParsePrefix(strings.Fields(line)[0])
			e := list.Entries[i]
			if err != nil || p.Masked() != p || p.Bits() != int(e.Len) || addrOf(p.Addr()) != e.Addr {
				t.Fatalf("%q: netip says %v, %v; we %+v", line, p, err, e)
			}
		}
		again, err := ReadTable(&text, "again")
		if err != nil || len(again.Entries) != len(list.Entries) {
			t.Fatalf("the round trip lost entries: %v", err)
		}
	})
}

// addrOf is an IPv4 address in host order.
func addrOf(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
