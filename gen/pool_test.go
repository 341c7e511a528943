package gen

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrfwd/lpm"
)

func TestParsePool(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte("198.51.100.0/24\n2001:db8::/32\n10.0.0.0/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		items, want string
		size        uint64
	}{
		{"10.0.0.0/8", "10.0.0.0/8", 1 << 24},
		{"10.0.0.7", "10.0.0.7/32", 1},
		{"0.0.0.0-255.255.255.255", "0.0.0.0/0", 1 << 32},
		{"10.0.0.5-10.0.0.17", "10.0.0.5/32 10.0.0.6/31 10.0.0.8/29 10.0.0.16/31", 13},
		{"10.0.0.5-10.0.0.5", "10.0.0.5/32", 1},
		{"table:list 10.1.0.0/16", "10.0.0.0/8 10.1.0.0/16 198.51.100.0/24", 1<<24 + 256},
		{"10.0.0.1 10.0.0.1", "10.0.0.1/32", 1},
		{"255.255.255.254-255.255.255.255", "255.255.255.254/31", 2},
	} {
		p, err := ParsePool(strings.Fields(c.items), dir)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, r := range p.Routes {
			got = append(got, prefixText(r.Addr, r.Len))
		}
		if s := strings.Join(got, " "); s != c.want || p.Size() != c.size || !p.Holds(p.First()) {
			t.Errorf("%s: %s, %d addresses; want %s, %d", c.items, s, p.Size(), c.want, c.size)
		}
	}
	if (*Pool)(nil).Holds(1) {
		t.Error("nothing holds an address")
	}
}

func TestParsePoolRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"bad": "10.0.0.0/8\nx\n", "empty": "# none\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for item, says := range map[string]string{
		"":                  "not a set of addresses",
		"10.0.0":            "not a set of addresses",
		"10.0.0.0/":         "not a set of addresses",
		"10.0.0.0/33":       "not a set of addresses",
		"10.0.0.1/24":       "10.0.0.0/24 is the prefix",
		"10.0.0.9-10.0.0":   "not a range",
		"10.0.0.9-10.0.0.1": "lower one first",
		"table:bad":         "bad:2:1",
		"table:none":        "no such file",
		"table:empty":       "no IPv4 prefix",
	} {
		_, err := ParsePool([]string{"10.0.0.1", item}, dir)
		var at *PoolError
		if !errors.As(err, &at) || at.Item != 1 || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want item 1 and %q", item, err, says)
		}
	}
}

// TestCover: the prefixes of a range are its addresses, each once, and no two could be one.
func TestCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		first := rng.Uint32() >> rng.IntN(32)
		last := first + rng.Uint32()>>rng.IntN(32)
		if last < first {
			continue
		}
		routes, next := cover(first, last), uint64(first)
		for i, r := range routes {
			if uint64(r.Addr) != next || r.Addr&^mask(r.Len) != 0 {
				t.Fatalf("%x-%x: %v", first, last, routes)
			}
			next += 1 << (32 - r.Len)
			if i > 0 && routes[i-1].Len == r.Len && routes[i-1].Addr^r.Addr == 1<<(32-r.Len) {
				t.Fatalf("%x-%x: %v could be one prefix", first, last, routes[i-1:i+1])
			}
		}
		if next != uint64(last)+1 {
			t.Fatalf("%x-%x: ends at %x", first, last, next)
		}
	}
}

// FuzzParsePool: what is taken lies in the pool.
func FuzzParsePool(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "1.2.3.4-1.2.3.9", "table:x", "0.0.0.0/0", "-", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, item string) {
		if strings.HasPrefix(strings.TrimSpace(item), "table:") {
			return // files are FuzzReadTable's
		}
		p, err := ParsePool([]string{item}, "")
		if err != nil {
			return
		}
		sum := uint64(0)
		for _, r := range p.Routes {
			sum += 1 << (32 - r.Len)
			if !p.Holds(r.Addr) || !p.Holds(last(lpm.Route{Addr: r.Addr, Len: r.Len})) {
				t.Errorf("%q lacks %v", item, r)
			}
		}
		if p.Size() == 0 || sum != p.Size() {
			t.Errorf("%q: %d addresses, prefixes of %d", item, p.Size(), sum)
		}
	})
}
