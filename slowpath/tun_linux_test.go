package slowpath

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"vrfwd/internal/testnet"
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// customer is a host of its own: a namespace whose only way out is a TUN device, wired to the bed as one station.
type customer struct {
	ns   *testnet.NS
	tun  device
	mac  vrftable.MAC
	port int
	vlan uint16
}

// wire runs the bed until the test ends: the customers' packets come in as frames, what is sent goes to the customers.
func wire(t *testing.T, b *bed, customers ...customer) {
	type arrival struct {
		port  int
		frame []byte
	}
	in, stop := make(chan arrival, 64), make(chan struct{})
	var running sync.WaitGroup
	for _, c := range customers {
		running.Go(func() {
			buf := make([]byte, 1<<16)
			for {
				n, err := c.tun.Read(buf)
				if err != nil {
					return
				}
				to := []vrftable.MAC{macP0, macP1}[c.port]
				head := append(append([]byte(nil), to[:]...), c.mac[:]...)
				if c.vlan != 0 {
					head = append(head, 0x81, 0, byte(c.vlan>>8), byte(c.vlan))
				}
				select {
				case in <- arrival{c.port, append(append(head, 8, 0), buf[:n]...)}:
				case <-stop:
					return
				}
			}
		})
	}
	running.Go(func() {
		for {
			select {
			case <-stop:
				return
			case a := <-in:
				b.rx[a.port] = append(b.rx[a.port], rxFrame{a.frame, -1})
			case <-time.After(time.Millisecond):
			}
			b.now = time.Now()
			b.poll()
			for port := range b.tx {
				for _, f := range b.sent(port) {
					l2, _ := packet.ParseVLAN(f)
					for _, c := range customers {
						if packet.Ethernet(f).Dst() == packet.MAC(c.mac) && c.port == port && l2.EtherType() == packet.EtherTypeIPv4 {
							c.tun.Write(packetOf(f))
						}
					}
				}
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		for _, c := range customers {
			c.tun.Close()
		}
		running.Wait()
	})
}

func newCustomer(t *testing.T, n *testnet.Net, name, addr string, mac vrftable.MAC, port int, vlan uint16) customer {
	t.Helper()
	c := customer{ns: n.NS(name), mac: mac, port: port, vlan: vlan}
	var err error
	if c.tun, err = openTUN(Host{Device: "site", Netns: c.ns.Name()}); err != nil {
		t.Fatal(err)
	}
	if err := c.tun.SetAddresses([]netip.Addr{ip(addr)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// serve has a program listen on an address of the router that says its name and sends back what it hears.
func serve(t *testing.T, ns *testnet.NS, name, addr string) {
	t.Helper()
	var l net.Listener
	var err error
	ns.Do(func() { l, err = net.Listen("tcp4", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprintf(conn, "%s for %s\n", name, conn.RemoteAddr())
				io.Copy(conn, conn)
			}()
		}
	}()
}

// call connects from a customer's address, sends text and returns the server's greeting; the text must come back.
func (c customer) call(t *testing.T, from, to, text string) string {
	t.Helper()
	var conn net.Conn
	var err error
	c.ns.Do(func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
		conn, err = d.Dial("tcp4", to)
	})
	if err != nil {
		t.Fatalf("%s to %s: %v", from, to, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	greeting, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
	}()
	if back, err := io.ReadAll(r); err != nil || string(back) != text {
		t.Errorf("%d bytes came back, want %d: %v", len(back), len(text), err)
	}
	return strings.TrimSpace(greeting)
}

// TestTUN: programs listen on a loopback of the parent and on addresses that two VRFs have in common, each of them in the
// kernel's own TCP; every answer finds its way. Afterwards nothing of it is left.
func TestTUN(t *testing.T) {
	testnet.Need(t, "root", "tun")
	n := testnet.New(t)
	pe, peB := n.NS("pe"), n.NS("peb")
	isp := newCustomer(t, n, "isp", "8.8.8.8", macISP, 0, 0)
	a := newCustomer(t, n, "cea", "10.0.0.2", macCEA, 1, 10)
	ceB := newCustomer(t, n, "ceb", "10.0.0.2", macCEB, 1, 20)

	// A small MTU to A: the kernel's own segments must come through all the same.
	b := newBed(t, Config{}, append(known(), vrftable.SetMTU{Interface: "a-ce", MTU: 900})...)
	hosts := []Host{{Device: "vr", Netns: pe.Name()}, {VR: "a", Device: "vrf-a", Netns: pe.Name()}, {VR: "b", Device: "vrf-b", Netns: peB.Name()}}
	if err := b.path.SetHosts(hosts); err != nil {
		t.Fatal(err)
	}
	serve(t, pe, "parent", "198.18.0.1:179")
	serve(t, pe, "a", "10.0.0.1:179")
	serve(t, peB, "b", "10.0.0.1:179")
	wire(t, b, isp, a, ceB)

	text := strings.Repeat("all work and no play ", 20000)
	for _, c := range []struct {
		from     customer
		addr, to string
		want     string
	}{
		{isp, "8.8.8.8", "198.18.0.1:179", "parent for 8.8.8.8"},
		{a, "10.0.0.2", "10.0.0.1:179", "a for 10.0.0.2"},
		{ceB, "10.0.0.2", "10.0.0.1:179", "b for 10.0.0.2"},
	} {
		if got := c.from.call(t, c.addr, c.to, text); !strings.HasPrefix(got, c.want+":") {
			t.Errorf("%s from %s: greeted by %q, want %q", c.to, c.from.ns.Name(), got, c.want)
		}
	}
	if got := pe.Run(t, "cat", "/proc/sys/net/ipv4/conf/vr/rp_filter"); strings.TrimSpace(got) != "0" {
		t.Errorf("rp_filter %s", got)
	}
	var err error
	a.ns.Do(func() {
		_, err = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("10.0.0.2")}, Timeout: 10 * time.Second}).Dial("tcp4", "10.0.0.1:180")
	})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a port without a listener: %v, want the kernel's refusal", err)
	}

	// What was made by name is refused, and nothing changes.
	for _, c := range []struct {
		host Host
		want string
	}{
		{Host{VR: "b", Device: "vrf-a", Netns: pe.Name()}, "cannot share"},
		{Host{VR: "b", Device: "lo", Netns: pe.Name()}, "choose another"},
		{Host{VR: "b", Device: "x", Netns: "not-there"}, "ip netns add"},
		{Host{VR: "b", Device: "a/b", Netns: pe.Name()}, "TUN device a/b"},
	} {
		err := b.path.SetHosts(append(hosts[:2:2], c.host))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.host, err, c.want)
		}
	}
	if got := isp.call(t, "8.8.8.8", "198.18.0.1:179", "still there"); !strings.HasPrefix(got, "parent") {
		t.Error(got)
	}

	rules := func(ns *testnet.NS) string { return ns.Run(t, "ip", "-4", "rule") }
	if got := rules(pe); !strings.Contains(got, "from 198.18.0.1") || !strings.Contains(got, "from 10.255.0.1") {
		t.Errorf("rules:\n%s", got)
	}
	if err := b.path.SetHosts(nil); err != nil {
		t.Error(err)
	}
	if got := rules(pe) + rules(peB); strings.Contains(got, "from 198.18.0.1") || strings.Contains(got, "from 10.") {
		t.Errorf("left behind:\n%s", got)
	}
	if got := pe.Run(t, "ip", "-o", "link") + peB.Run(t, "ip", "-o", "link"); strings.Contains(got, "vr") {
		t.Errorf("left behind:\n%s", got)
	}
}

// TestTUNAddresses: addresses come and go with their rules, and rules that a killed process left are swept.
func TestTUNAddresses(t *testing.T) {
	testnet.Need(t, "root", "tun", "ip")
	ns := testnet.New(t).NS("pe")
	open := func() *tun {
		d, err := openTUN(Host{Device: "vr", Netns: ns.Name()})
		if err != nil {
			t.Fatal(err)
		}
		return d.(*tun)
	}
	d := open()
	if err := d.SetAddresses([]netip.Addr{ip("198.18.0.1"), ip("198.18.0.2")}); err != nil {
		t.Fatal(err)
	}
	if err := d.SetAddresses([]netip.Addr{ip("198.18.0.2"), ip("198.18.0.3")}); err != nil {
		t.Fatal(err)
	}
	if got := ns.Run(t, "ip", "-4", "rule") + ns.Run(t, "ip", "-4", "-o", "addr", "show", "dev", "vr"); strings.Contains(got, "198.18.0.1") ||
		strings.Count(got, "198.18.0.2") != 2 || strings.Count(got, "198.18.0.3") != 2 {
		t.Errorf("%s", got)
	}
	if got := ns.Run(t, "ip", "route", "get", "8.8.8.8", "from", "198.18.0.2"); !strings.Contains(got, "dev vr") {
		t.Errorf("the way back: %s", got)
	}
	// As if killed: the file is closed, the rules stay.
	if err := d.File.Close(); err != nil {
		t.Fatal(err)
	}
	d.kernel.Close()
	if got := ns.Run(t, "ip", "-4", "rule"); !strings.Contains(got, "198.18.0.2") {
		t.Fatalf("no rule is left to sweep:\n%s", got)
	}
	lo := fmt.Sprint(tableBase + 1) // a device that is there
	ns.Run(t, "ip", "rule", "add", "from", "198.18.0.9", "priority", fmt.Sprint(rulePriority), "lookup", lo)
	ns.Run(t, "ip", "rule", "add", "from", "198.18.0.2", "priority", "77", "lookup", "main")
	d = open()
	if err := d.SetAddresses([]netip.Addr{ip("198.18.0.3")}); err != nil {
		t.Fatal(err)
	}
	got := ns.Run(t, "ip", "-4", "rule")
	if strings.Count(got, "198.18.0.2") != 1 || strings.Count(got, "198.18.0.3") != 1 || !strings.Contains(got, "198.18.0.9") {
		t.Errorf("after the sweep:\n%s", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
