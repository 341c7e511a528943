package router

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// socketPath is short: a unix socket's path has 107 bytes at most.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fwd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestControl(t *testing.T) {
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	ctx := context.Background()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	for command, body := range map[string]any{
		CommandInterfaces: &Interfaces{}, CommandECMP: &Groups{}, CommandNeighbors: &Neighbors{}, CommandCounters: &Counters{}, CommandWorkers: &Workers{},
		CommandImport: &Imports{}, CommandExport: &Exports{}, CommandReload: &Reloaded{},
		CommandVRs: &VRs{}, CommandBGP: &BGPNeighbors{},
	} {
		a, err := Ask(ctx, path, Request{Command: command})
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		if err := a.Next(body); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if err := a.Next(body); err != io.EOF {
			t.Errorf("%s: more than one object: %v", command, err)
		}
		a.Close()
	}
	a, err := Ask(ctx, path, Request{Command: CommandLookup, VRF: "red", Address: "8.8.8.8"})
	if err != nil {
		t.Fatal(err)
	}
	var l Lookup
	if err := a.Next(&l); err != nil || l.Verdict != "forward" || l.Route.Prefix != "0.0.0.0/0" || l.Adjacency.Interface != "uplink" ||
		l.Neighbor.State != "static" {
		t.Errorf("%v %+v", err, l)
	}
	a.Close()

	a, err = Ask(ctx, path, Request{Command: CommandRoutes, VRF: "red"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for route := (Route{}); a.Next(&route) == nil; n++ {
	}
	if n < 4 {
		t.Errorf("%d routes", n)
	}
	a.Close()

	var bad *RequestError
	for want, q := range map[string]Request{
		"not known to this router": {Command: "dance"}, "no VRF nope": {Command: CommandRoutes, VRF: "nope"},
		"IPv4 address": {Command: CommandLookup, Address: "x"}, "no interface or port nope": {Command: CommandCapture, Interface: "nope"},
		"no reason": {Command: CommandCapture, Drops: true, Reasons: []string{"boredom"}}, "ask for drops": {Command: CommandCapture, Reasons: []string{"arp"}},
		"bytes of each frame": {Command: CommandCapture, Snap: -1},
	} {
		if _, err := Ask(ctx, path, q); !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	r.write("ports: [")
	if _, err := Ask(ctx, path, Request{Command: CommandReload}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "fwd.yaml:1:8") {
		t.Error(err)
	}
	r.stop()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := Ask(ctx, path, Request{Command: CommandCounters}); err == nil || !strings.Contains(err.Error(), "no router answers") {
		t.Error(err)
	}
}

// TestControlGarbage: what is no request is answered with what is wrong, and the router goes on; a client that says
// nothing is left alone in the end.
func TestControlGarbage(t *testing.T) {
	usual := requestTime
	requestTime = time.Hour
	defer func() { requestTime = usual }()
	m := newMemory(t, "access", "core")
	path := socketPath(t)
	r := start(t, m, twoPorts, "control: "+path)
	for _, text := range []string{"\n", "hello\n", "[]\n", `{"command":"counters","more":1}` + "\n", `{"command":1}` + "\n", "{" + strings.Repeat(" ", maxRequest)} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(c).ReadBytes('\n')
		var h Header
		if err := json.Unmarshal(line, &h); err != nil || !h.Usage || !strings.Contains(h.Error, "JSON") {
			t.Errorf("%.20q: %v %s", text, err, line)
		}
		c.Close()
	}
	silent, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	a, err := Ask(t.Context(), path, Request{Command: CommandCounters}) // clients are taken in order: the silent one was
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	r.stop() // does not wait for the silent client
}

func TestListen(t *testing.T) {
	path := socketPath(t)
	first, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("a taken socket: %v", err)
	}
	// What a killed router leaves: a socket that nobody listens on.
	first.Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second, err := listen(path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if err := second.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the file: %q %v", text, err)
	}
	if _, err := listen(path + strings.Repeat("x", longestSocket)); err == nil || !strings.Contains(err.Error(), "at most 107") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := listen(filepath.Join(path, "below")); err == nil {
		t.Error("below a file")
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"command":"counters"}`, `{"command":"routes","vrf":"red","prefix":"10.0.0.0/8"}`, "", "{", `{"command":1}`,
		`{"command":"capture","drops":true,"reasons":["no route"],"snap":64}`, `{"more":[]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := readRequest(strings.NewReader(s))
		if err != nil {
			if !headerOf(err).Usage {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		again, err := readRequest(strings.NewReader(string(text)))
		if err != nil || again.Command != q.Command || len(again.Reasons) != len(q.Reasons) {
			t.Errorf("%s: %v %+v", text, err, again)
		}
	})
}
