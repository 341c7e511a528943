package mrt

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"

	"vrfwd/gen"
	"vrfwd/internal/testnet"
	"vrfwd/vrftable"
)

// TestBGPDump: bgpdump finds the same routes in the same file, attribute by attribute.
func TestBGPDump(t *testing.T) {
	testnet.Need(t, "bgpdump")
	_, file := table(t, gen.DumpConfig{Peers: 4, Seed: 5}, 3000)
	d := read(t, file, Choice{All: true})
	var want []string
	for _, r := range d.Routes {
		p := d.Peers[r.Peer]
		want = append(want, fmt.Sprintf("B|%v|%d|%v|%s", p.Addr, p.AS, prefix(r.Addr, r.Len), bgpdumpAttrs(&d.Attrs[r.Attrs])))
	}
	same(t, "bgpdump", bgpdump(t, file), want)
}

// TestBGPDumpUpdates is the same of messages.
func TestBGPDumpUpdates(t *testing.T) {
	testnet.Need(t, "bgpdump")
	file := updates(t, gen.UpdatesConfig{Peers: 4, Seed: 5, Rate: 500, Duration: 10 * time.Second}, 3000)
	u, err := ReadUpdates(bytes.NewReader(file), "updates", Choice{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range u.Changes {
		p := u.Peers[c.Peer]
		line := fmt.Sprintf("%s|%v|%d|%v", strings.ToUpper(c.Kind.String()[:1]), p.Addr, p.AS, prefix(c.Addr, c.Len))
		if c.Kind == Announce {
			line += "|" + bgpdumpAttrs(&u.Attrs[c.Attrs])
		}
		want = append(want, line)
	}
	same(t, "bgpdump", bgpdump(t, file), want)
}

// bgpdump runs it on a file; of each line what follows the time, up to the communities.
func bgpdump(t *testing.T, file []byte) (lines []string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("bgpdump", "-m", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(bytes.NewReader(out))
	for in.Scan() {
		f := strings.Split(in.Text(), "|")
		if len(f) < 6 {
			t.Fatalf("%q", in.Text())
		}
		lines = append(lines, strings.Join(f[2:min(len(f), 12)], "|"))
	}
	return lines
}

func bgpdumpAttrs(a *vrftable.Attributes) string {
	var path, communities []string
	for _, as := range a.ASPath {
		path = append(path, strconv.Itoa(int(as)))
	}
	for _, c := range a.Communities {
		communities = append(communities, c.String())
	}
	return fmt.Sprintf("%s|%s|%v|%d|%d|%s", strings.Join(path, " "), [...]string{"IGP", "EGP", "INCOMPLETE"}[a.Origin], a.NextHop,
		a.LocalPref, a.MED, strings.Join(communities, " "))
}

func same(t *testing.T, who string, theirs, ours []string) {
	t.Helper()
	slices.Sort(theirs)
	slices.Sort(ours)
	if len(ours) == 0 || slices.Equal(theirs, ours) {
		if len(ours) == 0 {
			t.Errorf("%s: nothing to compare", who)
		}
		return
	}
	for i := range min(len(theirs), len(ours)) {
		if theirs[i] != ours[i] {
			t.Fatalf("%s, %d and %d lines:\n%s\nours:\n%s", who, len(theirs), len(ours), theirs[i], ours[i])
		}
	}
	t.Fatalf("%s: %d lines, ours %d", who, len(theirs), len(ours))
}

// gobgpAttrs gives what gobgp decoded as Dump.text has it.
func gobgpAttrs(list []bgp.PathAttributeInterface) string {
	a := fromGoBGP(list)
	return fmt.Sprintf("%v|%v|%v|%d|%d|%d", a.NextHop, a.ASPath, a.Communities, a.LocalPref, a.MED, a.Origin)
}

// gobgp reads a table dump with gobgp's parser.
func gobgp(file []byte, route func(peer *mrt.Peer, prefix netip.Prefix, e *mrt.RibEntry)) error {
	var peers []*mrt.Peer
	in := bufio.NewScanner(bytes.NewReader(file))
	in.Buffer(nil, MaxRecord)
	in.Split(mrt.SplitMrt)
	for in.Scan() {
		h, err := mrt.ParseHeader(in.Bytes())
		if err != nil {
			return err
		}
		m, err := mrt.ParseBody(in.Bytes()[mrt.MRT_COMMON_HEADER_LEN:], h)
		if err != nil {
			return err
		}
		switch b := m.Body.(type) {
		case *mrt.PeerIndexTable:
			peers = b.Peers
		case *mrt.Rib:
			p, err := netip.ParsePrefix(b.Prefix.String())
			if err != nil {
				return err
			}
			for _, e := range b.Entries {
				route(peers[e.PeerIndex], p, e)
			}
		}
	}
	return in.Err()
}

// TestGoBGP: gobgp finds the same routes in the same file, attribute by attribute, path identifiers included.
func TestGoBGP(t *testing.T) {
	for _, paths := range []int{1, 3} {
		_, file := table(t, gen.DumpConfig{Peers: 4, Seed: 6, Paths: paths}, 3000)
		var theirs []string
		err := gobgp(file, func(peer *mrt.Peer, p netip.Prefix, e *mrt.RibEntry) {
			theirs = append(theirs, fmt.Sprintf("%v#%d %d %s", p, e.PathIdentifier, peer.AS, gobgpAttrs(e.PathAttributes)))
		})
		if err != nil {
			t.Fatal(err)
		}
		d := read(t, file, Choice{All: true})
		same(t, "gobgp", theirs, d.text())
		ids := map[uint32]bool{}
		for _, r := range d.Routes {
			ids[r.ID] = true
		}
		if paths > 1 && len(ids) != paths || paths == 1 && !ids[0] {
			t.Errorf("%d paths: identifiers %v", paths, ids)
		}
	}
}

// TestGoBGPMessages: gobgp finds the same changes in messages. It knows BGP4MP without extended time, so the headers are
// made such.
func TestGoBGPMessages(t *testing.T) {
	file := updates(t, gen.UpdatesConfig{Peers: 4, Seed: 6, Rate: 500, Duration: 10 * time.Second}, 3000)
	u, err := ReadUpdates(bytes.NewReader(file), "updates", Choice{})
	if err != nil {
		t.Fatal(err)
	}
	var theirs []string
	for len(file) > 0 {
		h, err := mrt.ParseHeader(file)
		if err != nil {
			t.Fatal(err)
		}
		body := file[16 : mrt.MRT_COMMON_HEADER_LEN+h.Len]
		file = file[mrt.MRT_COMMON_HEADER_LEN+h.Len:]
		h.Type, h.Len = mrt.BGP4MP, h.Len-4
		m, err := mrt.ParseBody(body, h)
		if err != nil {
			t.Fatal(err)
		}
		b := m.Body.(*mrt.BGP4MPMessage)
		said := b.BGPMessage.Body.(*bgp.BGPUpdate)
		for _, p := range said.WithdrawnRoutes {
			theirs = append(theirs, fmt.Sprintf("withdraw %v#0 %d", p.NLRI, b.PeerAS))
		}
		for _, p := range said.NLRI {
			theirs = append(theirs, fmt.Sprintf("announce %v#0 %d %s", p.NLRI, b.PeerAS, gobgpAttrs(said.PathAttributes)))
		}
	}
	same(t, "gobgp", theirs, u.text())
}
