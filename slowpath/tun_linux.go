package slowpath

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The rules and tables of TUN devices: `from ADDRESS lookup TABLE` before the main table, whose only route leads to the
// device. One table per device, numbered by its interface index above a base that nobody else is likely to use.
const (
	rulePriority = 10000
	tableBase    = 0x76720000 // "vr"
	maxIndex     = 0xffff     // above it the tables' numbers would run into others
)

// tun is a TUN device of the kernel (Documentation/networking/tuntap.rst), one IP packet per read and write. It goes when
// its file is closed, and with it its addresses and routes; the rules are deleted by hand.
type tun struct {
	*os.File
	kernel *netlink.Handle // in the device's namespace
	link   netlink.Link
	table  int
	addrs  map[netip.Addr]bool
}

// openTUN makes a device in its namespace, up, with its table.
func openTUN(h Host) (device, error) {
	t := &tun{addrs: map[netip.Addr]bool{}}
	if err := inNetns(h.Netns, func() error { return t.open(h.Device) }); err != nil {
		return nil, err
	}
	if err := t.setUp(h.Device); err != nil {
		return nil, errors.Join(fmt.Errorf("TUN device %s: %w", h.Device, err), t.Close())
	}
	return t, nil
}

// open makes the device in the namespace of the calling thread.
func (t *tun) open(name string) (err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w: is the kernel's tun module loaded, and may this process open it?", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	request, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("TUN device %s: not a name for an interface: %w", name, err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
	switch err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("TUN device %s: %w: CAP_NET_ADMIN is needed", name, err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("TUN device %s: %w: there is an interface of that name: choose another", name, err)
	case err != nil:
		return fmt.Errorf("TUN device %s: %w", name, err)
	}
	// What comes in by the device was checked by this router. IPv6 would only announce itself.
	for _, s := range []struct{ key, value string }{{"ipv4/conf/%s/rp_filter", "0"}, {"ipv6/conf/%s/disable_ipv6", "1"}} {
		path := "/proc/sys/net/" + fmt.Sprintf(s.key, name)
		if err := os.WriteFile(path, []byte(s.value), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("TUN device %s: %w", name, err)
		}
	}
	if t.kernel, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("TUN device %s: netlink: %w", name, err)
	}
	t.File = os.NewFile(uintptr(fd), name)
	return nil
}

// setUp brings the device up and makes its table.
func (t *tun) setUp(name string) (err error) {
	if t.link, err = t.kernel.LinkByName(name); err != nil {
		return err
	}
	if err = t.kernel.LinkSetUp(t.link); err != nil {
		return fmt.Errorf("setting it up: %w", err)
	}
	t.table = tableBase + t.link.Attrs().Index
	if t.link.Attrs().Index > maxIndex {
		return fmt.Errorf("interface index %d: at most %d has a routing table", t.link.Attrs().Index, maxIndex)
	}
	if err = t.sweep(); err != nil {
		return err
	}
	all := &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	route := netlink.Route{LinkIndex: t.link.Attrs().Index, Table: t.table, Dst: all, Scope: netlink.SCOPE_LINK}
	if err = t.kernel.RouteReplace(&route); err != nil {
		return fmt.Errorf("default route of table %d: %w", t.table, err)
	}
	return nil
}

// sweep deletes the rules that a killed process has left: those for tables of devices that are gone, or now this one.
func (t *tun) sweep() error {
	rules, err := t.kernel.RuleList(unix.AF_INET)
	if err != nil {
		return fmt.Errorf("listing rules: %w", err)
	}
	for i := range rules {
		index := rules[i].Table - tableBase
		if rules[i].Priority != rulePriority || index < 1 || index > maxIndex {
			continue
		}
		if _, err := t.kernel.LinkByIndex(index); err == nil && rules[i].Table != t.table {
			continue
		}
		if err := t.kernel.RuleDel(&rules[i]); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("deleting the old rule %v: %w", rules[i], err)
		}
	}
	return nil
}

// SetAddresses implements device.
func (t *tun) SetAddresses(addrs []netip.Addr) error {
	want := map[netip.Addr]bool{}
	for _, a := range addrs {
		want[a] = true
	}
	for a := range t.addrs {
		if want[a] {
			continue
		}
		if err := errors.Join(t.kernel.RuleDel(t.rule(a)), t.kernel.AddrDel(t.link, tunAddr(a))); err != nil {
			return fmt.Errorf("taking away %v: %w", a, err)
		}
		delete(t.addrs, a)
	}
	for _, a := range addrs {
		if t.addrs[a] {
			continue
		}
		t.addrs[a] = true // also if only one of the two is there
		if err := t.kernel.AddrReplace(t.link, tunAddr(a)); err != nil {
			return fmt.Errorf("address %v: %w", a, err)
		}
		if err := t.kernel.RuleAdd(t.rule(a)); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("rule from %v: %w", a, err)
		}
	}
	return nil
}

func (t *tun) rule(a netip.Addr) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Src, r.Table, r.Priority = unix.AF_INET, hostNet(a), t.table, rulePriority
	return r
}

func tunAddr(a netip.Addr) *netlink.Addr { return &netlink.Addr{IPNet: hostNet(a)} }

func hostNet(a netip.Addr) *net.IPNet { return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)} }

// Close deletes the rules and the device.
func (t *tun) Close() error {
	var err error
	for a := range t.addrs {
		if e := t.kernel.RuleDel(t.rule(a)); e != nil && !errors.Is(e, unix.ENOENT) {
			err = errors.Join(err, fmt.Errorf("rule from %v: %w", a, e))
		}
	}
	t.kernel.Close()
	return errors.Join(err, t.File.Close())
}

// inNetns runs f on a thread in a named network namespace; "": in this process's. A thread that cannot go back stays
// locked, so that it ends with its goroutine.
func inNetns(name string, f func() error) error {
	if name == "" {
		return f()
	}
	there, err := netns.GetFromName(name)
	if err != nil {
		return fmt.Errorf("network namespace %s: %w: make it with: ip netns add %s", name, err, name)
	}
	defer there.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		here, err := netns.Get()
		if err != nil {
			done <- fmt.Errorf("this thread's network namespace: %w", err)
			return
		}
		defer here.Close()
		if err := netns.Set(there); err != nil {
			done <- fmt.Errorf("network namespace %s: %w: CAP_SYS_ADMIN is needed", name, err)
			return
		}
		err = f()
		if netns.Set(here) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
