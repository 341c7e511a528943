package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"vrfwd/bench/live"
	"vrfwd/cmd/internal/cli"
	"vrfwd/internal/testnet"
)

// trafgen runs a command line in this process.
func trafgen(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// TestUsage: bad flags and files end with exit code 2, nothing on standard output, and the place and the remedy on
// standard error.
func TestUsage(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	example := write("example.yaml", string(live.Example()))
	bad, unknown := write("bad.yaml", "streams: [\n"), write("unknown.yaml", "circuits: []\nfoo: 1\n")
	text, cut := write("text", "hello, world\n"), write("cut.pcap", "\xd4\xc3\xb2\xa1\x02\x00")
	send := func(args ...string) []string { return append([]string{"send", "--port", "a", "--sink", "b"}, args...) }
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"nonsense"}, "unknown command \"nonsense\""},
		{[]string{"send", "extra"}, "takes no arguments"},
		{[]string{"send", "--nonsense"}, "--help"},
		{[]string{"send"}, "--port is missing"},
		{[]string{"sink"}, "--sink is missing"},
		{[]string{"sink", "--port", "a"}, "--sink is missing"},
		{[]string{"send", "--port", "a", "--sink", "a"}, "the same"},
		{send("--rate", "fast"), "--rate fast: rate \"fast\""},
		{send("--rate", "50%"), "--rate 50%: % of what?"},
		{send("--line", "50%", "--rate", "50%"), "--line 50%: a line's rate"},
		{send("--vlan", "5000"), "--vlan 5000: a VLAN is 1 to 4094"},
		{send("--vlan", "1-3", "--sink-vlan", "1-2"), "has 2 circuits and the stream comes from 3"},
		{send("--size", "20"), "--size 20: frame size 20"},
		{send("--size", "64", "--imix"), "only one of them"},
		{send("--src", "10.0.0.0/8,x"), "--src 10.0.0.0/8,x: \"x\" is not a set of addresses"},
		{send("--dst", "table:"+dir+"/none"), "--dst table:"},
		{send("--dst-mac", "x"), "--dst-mac x:"},
		{send("--gateway", "x"), "--gateway x: \"x\" is not an IPv4 address"},
		{send("--flows", "0"), "--flows 0:"},
		{send("--burst", "x"), "--burst x:"},
		{send("--ttl", "0"), "--ttl 0:"},
		{send("--count", "x"), "--count x:"},
		{send("--duration", "5"), "--duration 5:"},
		{send("--seed", "-1"), "--seed -1:"},
		{send("--keys", "some"), "--keys some:"},
		{send("--max-loss", "101"), "--max-loss 101:"},
		{send("--interface", "a=b"), "--config is missing"},
		{[]string{"send", "-c", filepath.Join(dir, "none")}, "no such file"},
		{[]string{"send", "-c", bad}, "bad.yaml:1:10:"},
		{[]string{"send", "-c", unknown}, "unknown.yaml:2:1: unknown key \"foo\""},
		{[]string{"send", "-c", example, "--rate", "5pps"}, "--config and --rate"},
		{[]string{"send", "-c", example, "--imix"}, "--config and --imix"},
		{[]string{"send", "-c", example, "--interface", "x=y"}, "the file's ports are trunk, veth1"},
		{[]string{"send", "-c", example, "--interface", "trunk"}, "port=interface is needed"},
		{[]string{"send", "-c", example, "--interface", "trunk=e@"}, "name@namespace"},
		{[]string{"sink", "--port", "a", "--sink", "b", "--idle", "-1s"}, "--idle and --for"},
		{[]string{"replay"}, "takes one capture file"},
		{[]string{"replay", text}, "--port is missing"},
		{[]string{"replay", text, "--port", "a"}, "neither pcap nor pcapng"},
		{[]string{"replay", cut, "--port", "a"}, "cut.pcap: byte 0, packet 0: the file ends here"},
		{[]string{"replay", filepath.Join(dir, "none"), "--port", "a"}, "no such file"},
		{[]string{"replay", text, "--port", "a", "--speed", "0"}, "--speed 0:"},
		{[]string{"replay", text, "--port", "a", "--pps", "-1"}, "--pps -1:"},
		{[]string{"replay", text, "--port", "a", "--pps", "1", "--top-speed"}, "only one of them"},
		{[]string{"replay", text, "--port", "a", "--loop", "-1"}, "--loop -1:"},
		{[]string{"replay", text, "--port", "a", "--dst-mac", "1"}, "--dst-mac 1:"},
	} {
		code, out, errs := trafgen(t.Context(), c.args...)
		if code != cli.BadUse || out != "" || !strings.HasPrefix(errs, "trafgen: ") || !strings.Contains(errs, c.says) {
			t.Errorf("%q: exit code %d, %q%q; want %q", c.args, code, out, errs, c.says)
		}
	}
}

// TestHelp: each command explains itself, and example prints what send reads.
func TestHelp(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"", "send"}, {"help send", "--gateway"}, {"help sink", "--idle"}, {"help replay", "--speed"}, {"example", "circuits:"}, {"version", "trafgen "},
	} {
		if code, out, errs := trafgen(t.Context(), strings.Fields(c.args)...); code != 0 || errs != "" || !strings.Contains(out, c.says) {
			t.Errorf("%q: %d %s %s", c.args, code, out, errs)
		}
	}
}

func TestMissingInterface(t *testing.T) {
	testnet.Need(t, "root")
	code, out, errs := trafgen(t.Context(), "send", "--port", "no-such-if", "--tx-only")
	if code != cli.Failed || out != "" || !strings.Contains(errs, "no-such-if") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

// pair makes a veth pair between two namespaces, and returns its ends as --port takes them.
func pair(t *testing.T) (a, b string, there *testnet.NS) {
	t.Helper()
	testnet.Need(t, "root")
	n := testnet.New(t)
	nsA, nsB := n.NS("a"), n.NS("b")
	n.Veth(nsA, "eth0", nsB, "eth0")
	return "eth0@" + nsA.Name(), "eth0@" + nsB.Name(), nsB
}

func reportOf(t *testing.T, out string) (r live.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

// TestSend: over a veth pair in one process, tagged and untagged, all frames come and the exit code is 0; where they come out
// in another place it is 1.
func TestSend(t *testing.T) {
	a, b, _ := pair(t)
	dump := filepath.Join(t.TempDir(), "dump.pcapng")
	code, out, errs := trafgen(t.Context(), "send", "--port", a, "--sink", b, "--vlan", "5-6", "--sink-vlan", "5-6", "--rate", "20kpps", "--count", "2000", "--size", "64,300",
		"--burst", "4", "--json", "--quiet", "-w", dump, "--max-loss", "2") // order may change where the sender's thread moves to another CPU
	r := reportOf(t, out)
	if code != 0 || !r.OK || r.Total.Received != 2000 || r.Total.Lost != 0 || r.Streams[0].Latency.Frames != 2000 || errs != "" {
		t.Errorf("%d %s %+v", code, errs, r)
	}
	if file, err := os.ReadFile(dump); err != nil {
		t.Error(err)
	} else if reader, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions); err != nil {
		t.Error(err)
	} else {
		vlans := map[uint16]int{}
		for {
			data, _, err := reader.ReadPacketData()
			if err != nil {
				break
			}
			if tag, ok := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok {
				vlans[tag.VLANIdentifier]++
			}
		}
		if vlans[5]+vlans[6] != 2000 || vlans[5] < 900 || vlans[6] < 900 {
			t.Error(vlans)
		}
	}
	code, out, errs = trafgen(t.Context(), "send", "--port", a, "--sink", b, "--vlan", "5", "--sink-vlan", "7", "--rate", "20kpps", "--count", "500", "--quiet")
	if code != 1 || errs != "" || !strings.Contains(out, "500 frames came out where they should not") || !strings.Contains(out, "latency") {
		t.Errorf("%d %s %s", code, errs, out)
	}
	code, out, _ = trafgen(t.Context(), "send", "--port", a, "--sink", b, "--discard", "--dst-mac", "02:00:00:00:00:09", "--rate", "20kpps", "--count", "500", "--quiet", "--json", "--max-loss", "100")
	if r := reportOf(t, out); code != 1 || r.Total.WrongEgress != 500 {
		t.Errorf("%d %+v", code, r)
	}
}

// TestTwoProcesses: a sender and a sink that share nothing but a stream file.
func TestTwoProcesses(t *testing.T) {
	a, b, there := pair(t)
	file := filepath.Join(t.TempDir(), "streams.yaml")
	text := `
circuits:
- {name: from, port: left, vrf: red, gateway-mac: "02:00:00:00:00:01"}
- {name: to, port: right, vrf: red}
streams:
- {name: x, from: from, to: to, destination: 198.18.0.0/15, rate: 10kpps, count: 3000, flows: 100}
- {name: y, from: from, to: to, destination: 198.18.0.0/15, rate: 5kpps, duration: 200ms, flows: 30, size: imix}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	places := []string{"-c", file, "--interface", "left=" + a, "--interface", "right=" + b, "--json", "--quiet"}
	type result struct {
		code      int
		out, errs string
	}
	sink := make(chan result)
	go func() {
		code, out, errs := trafgen(t.Context(), append([]string{"sink", "--idle", "1s", "--for", "1m", "--max-loss", "2"}, places...)...)
		sink <- result{code, out, errs}
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var sockets []byte
		there.Do(func() { sockets, _ = os.ReadFile("/proc/thread-self/net/packet") })
		if lines := strings.Split(string(sockets), "\n"); slices.ContainsFunc(lines, func(line string) bool {
			f := strings.Fields(line) // sk RefCnt Type Proto Iface R ...
			return len(f) > 5 && f[5] == "1"
		}) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the sink has not opened its port")
		}
	}
	code, out, errs := trafgen(t.Context(), append([]string{"send", "--tx-only"}, places...)...)
	sent := reportOf(t, out)
	if code != 0 || errs != "" || sent.Total.Sent < 3000 || sent.Total.Observed != 0 {
		t.Errorf("%d %s %+v", code, errs, sent)
	}
	s := <-sink
	got := reportOf(t, s.out)
	if s.code != 0 || s.errs != "" || got.Total.Received != sent.Total.Sent || got.Total.Sent != sent.Total.Sent {
		t.Errorf("%d %s %+v, sent %+v", s.code, s.errs, got, sent.Total)
	}
}

// TestReplay: a capture goes over a veth pair, and what is dumped at the other end is the capture.
func TestReplay(t *testing.T) {
	a, b, _ := pair(t)
	dir := t.TempDir()
	var file bytes.Buffer
	w := pcapgo.NewWriterNanos(&file)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for i := range 50 {
		data := bytes.Repeat([]byte{byte(i)}, 60+i*10)
		copy(data[12:], "\x88\xb5") // an EtherType for experiments
		data[0], data[6] = 2, 2
		frames = append(frames, data)
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(1, int64(i)*1e6), CaptureLength: len(data), Length: len(data)}, data); err != nil {
			t.Fatal(err)
		}
	}
	capture, dump := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "out.pcapng")
	if err := os.WriteFile(capture, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := trafgen(t.Context(), "replay", capture, "--port", a, "--sink", b, "-w", dump, "--loop", "2", "--speed", "2", "--quiet")
	if code != 0 || errs != "" || !strings.Contains(out, "sent      100 frames") || !strings.Contains(out, "100 EtherType 0x88b5") {
		t.Errorf("%d %s %s", code, errs, out)
	}
	c, err := live.OpenCapture(dump)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	for {
		f, err := c.Next()
		if err != nil {
			break
		}
		if packet := f.Data; bytes.HasPrefix(packet[12:], []byte("\x88\xb5")) {
			if !bytes.Equal(packet, frames[n%50]) {
				t.Fatalf("frame %d: %x", n, packet)
			}
			n++
		}
	}
	if n != 100 {
		t.Error(n)
	}
	code, out, _ = trafgen(t.Context(), "replay", capture, "--port", a, "--top-speed", "--json", "--quiet", "--dst-mac", "02:00:00:00:00:09")
	var r live.ReplayReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Frames != 50 {
		t.Errorf("%d %v %s", code, err, out)
	}
}

// TestView: a line says rates since the last one and faults since the start.
func TestView(t *testing.T) {
	var b bytes.Buffer
	v := newView(&b, false)
	p := live.Progress{Elapsed: time.Second, Sending: true, Receiving: true, Sent: 1000, SentBytes: 64_000, Received: 990, ReceivedBytes: 63_360, Missing: 10,
		LatencyMean: 45 * time.Microsecond, LatencyMax: 2 * time.Millisecond}
	v.line(p)
	p.Elapsed, p.Sent, p.SentBytes, p.Leak, p.Down = 2*time.Second, 3000, 192_000, 7, []string{"veth0"}
	v.line(p)
	v.end()
	const want = "   1 s  tx  1.000 kpps  512.0 kbit/s  rx   990.0 pps  506.9 kbit/s  latency 45.0 µs, at most 2 ms  missing 10\n" +
		"   2 s  tx  2.000 kpps  1.024 Mbit/s  rx       0 pps       0 bit/s  latency 45.0 µs, at most 2 ms  missing 10  leaked 7  veth0 is down\n"
	if got := b.String(); got != want {
		t.Errorf("\n%q\n%q", got, want)
	}
	b.Reset()
	newView(&b, true).line(p)
	if b.Len() > 0 {
		t.Error(b.String())
	}
}
