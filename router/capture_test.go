package router

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"vrfwd/internal/testnet"
)

// captured runs a capture while f makes traffic, and returns the file.
func captured(t *testing.T, path string, q Request, f func()) []byte {
	t.Helper()
	q.Command = CommandCapture
	a, err := Ask(context.Background(), path, q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	f()
	if err := a.End(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.Copy(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type capturedFrame struct {
	iface string
	data  []byte
}

func readCapture(t *testing.T, file []byte) (frames []capturedFrame) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		i, err := r.Interface(info.InterfaceIndex)
		if err != nil || i.LinkType != layers.LinkTypeEthernet || info.Timestamp.IsZero() || info.CaptureLength != len(data) {
			t.Errorf("%v %+v %+v", err, i, info)
		}
		frames = append(frames, capturedFrame{i.Name, data})
	}
}

func TestCapture(t *testing.T) {
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	good, lost := udp(10, "10.0.0.2", "8.8.8.8", 64), udp(10, "10.0.0.2", "198.51.100.1", 64)
	odd, expired := udp(30, "10.0.0.2", "8.8.8.8", 64), udp(10, "10.0.0.2", "8.8.8.8", 1)
	eventually(t, "announced", func() bool { return r.slow.Counters().Announcements == 3 })
	m.slowSent("access")
	traffic := func() {
		before := r.totals().Received
		m.inject("access", 0, good, lost, odd, expired)
		r.handled(before + 4)
		eventually(t, "answered", func() bool { return len(m.slowSent("access")) > 0 })
		m.collect("core")
	}
	for _, c := range []struct {
		name string
		q    Request
		want []string // by interface, in order
	}{
		{"all", Request{}, []string{"ce@access", "ce@access", "access", "ce@access", "uplink@core"}},
		{"core", Request{Interface: "core"}, []string{"uplink@core"}},
		{"uplink", Request{Interface: "uplink"}, []string{"uplink@core"}},
		{"drops", Request{Drops: true}, []string{"access", "ce@access"}},
		{"drops of ce", Request{Drops: true, Interface: "ce"}, []string{"ce@access"}},
		{"one reason", Request{Drops: true, Reasons: []string{"no-primary"}}, []string{"access"}},
		{"two reasons", Request{Drops: true, Reasons: []string{"no_primary", "discard"}}, []string{"access", "ce@access"}},
	} {
		file := captured(t, path, c.q, traffic)
		var got []string
		for _, f := range readCapture(t, file) {
			if len(f.data) > 60 && f.data[12] == 0x81 && bytes.Equal(f.data[6:12], []byte{2, 0, 0, 0, 0, 1}) {
				continue // what the slow path has sent is looked at below
			}
			got = append(got, f.iface)
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	slow := 0
	for _, f := range readCapture(t, captured(t, path, Request{Interface: "ce"}, traffic)) {
		if bytes.Equal(f.data[6:12], []byte{2, 0, 0, 0, 0, 1}) && f.iface == "ce@access" {
			slow++
		}
	}
	if slow == 0 {
		t.Error("what the slow path sent was not captured")
	}
	for _, f := range readCapture(t, captured(t, path, Request{Interface: "ce", Snap: 20}, traffic)) {
		if len(f.data) != 20 {
			t.Errorf("%d bytes", len(f.data))
		}
	}
	r.stop()
}

// TestCaptureOne: one capture at a time; it ends with the router, and the next one begins with nothing of the last.
func TestCaptureOne(t *testing.T) {
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	first, err := Ask(context.Background(), path, Request{Command: CommandCapture})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(context.Background(), path, Request{Command: CommandCapture}); err == nil || !strings.Contains(err.Error(), "one already") {
		t.Error(err)
	}
	first.Close() // a client that was killed
	var second *Answer
	eventually(t, "the capture ends with its client", func() bool {
		second, err = Ask(context.Background(), path, Request{Command: CommandCapture})
		return err == nil
	})
	r.stop()
	if err := second.Copy(io.Discard); err != nil {
		t.Error(err)
	}
	second.Close()
}

// TestCaptureTshark: another reader of pcapng has the comments, directions and interfaces.
func TestCaptureTshark(t *testing.T) {
	testnet.Need(t, "tshark")
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	file := captured(t, path, Request{Drops: true}, func() {
		m.inject("access", 0, udp(10, "10.0.0.2", "198.51.100.1", 64), udp(30, "10.0.0.2", "8.8.8.8", 64))
		r.handled(2)
	})
	r.stop()
	name := filepath.Join(t.TempDir(), "drops.pcapng")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-r", name, "-T", "fields", "-E", "separator=|", "-e", "frame.interface_name", "-e", "frame.comment",
		"-e", "frame.packet_flags_direction", "-e", "vlan.id", "-e", "ip.dst").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ce@access|dropped: discard|", "|10|198.51.100.1", "access|dropped: no primary|", "|30|8.8.8.8"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestPcapngStatistics: lengths, times and what was missed survive another reader.
func TestPcapngStatistics(t *testing.T) {
	var b bytes.Buffer
	p := newPcapng(&b)
	if err := errors.Join(p.section(), p.statistics(1), p.iface("a", "x"), p.frame(0, 1e18+5, 100, []byte{1, 2, 3}, true, "why"), p.statistics(7)); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(&b, pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, info, err := r.ReadPacketData()
	if err != nil || !bytes.Equal(data, []byte{1, 2, 3}) || info.Length != 100 || info.Timestamp.UnixNano() != 1e18+5 {
		t.Errorf("%v % x %+v", err, data, info)
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if i, err := r.Interface(0); err != nil || i.Name != "a" || i.Statistics.PacketsDropped != 7 {
		t.Errorf("%v %+v", err, i)
	}
}
