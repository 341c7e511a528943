package config

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"vrfwd/vrftable"
)

// validator takes a decoded configuration apart into objects, and notes what does not fit together.
type validator struct {
	*decoder
	c       *Config
	ports   map[string]*Port
	layer2s map[string]*layer2
	slots   map[slot]*layer2
	primary map[string]*iface // by layer 2 interface
	ifaces  map[string]*iface // by name: pointers of their own, as objects grow
	lists   map[string]bool
	maps    map[string]bool
	used    map[string]bool // prefix lists, route maps: kind and name
}

// router is the parent or a VRF.
type router struct {
	name string // vrftable.Parent or the VRF's
	*Router
}

func (c *Config) routers() []router {
	all := []router{{vrftable.Parent, &c.VR.Router}}
	for i := range c.VRFs {
		v := &c.VRFs[i]
		all = append(all, router{v.Name, &v.Router})
	}
	return all
}

// validate takes c apart into c.objects.
func (d *decoder) validate(c *Config, from reader) {
	v := &validator{
		decoder: d, c: c, ports: map[string]*Port{}, layer2s: map[string]*layer2{}, slots: map[slot]*layer2{},
		primary: map[string]*iface{}, ifaces: map[string]*iface{}, lists: map[string]bool{}, maps: map[string]bool{},
		used: map[string]bool{},
	}
	v.process()
	v.addPorts()
	v.addLayer2s()
	v.addVRFs()
	all := c.routers()
	for _, r := range all {
		v.addInterfaces(r)
	}
	v.addNeighbors(all)
	for _, r := range all {
		v.checkSubnets(r)
		v.addStatics(r)
	}
	v.addMaximumPaths(c)
	v.addPolicies()
	v.addHosts(all)
	v.addBGP(all)
	v.unusedPolicies()
	// Tables last, and only for a configuration that is right so far: they are what takes time.
	if len(d.errs) == 0 {
		v.addTables(from)
	}
}

func (v *validator) process() {
	c := v.c
	seen := map[int]bool{}
	for _, cpu := range c.CPUs {
		if seen[cpu] {
			v.fail(c.of("cpus"), "cpus: %d is given twice: each worker needs a core of its own", cpu)
		}
		seen[cpu] = true
	}
	if c.Workers != 0 && len(c.CPUs) != 0 && c.Workers != len(c.CPUs) {
		v.fail(c.of("cpus"), "cpus: %d cores for %d workers: name one core for each worker, or none", len(c.CPUs), c.Workers)
	}
	if size := c.Rings.BlockSize; size&(size-1) != 0 {
		v.fail(c.Rings.of("block-size"), "block-size: %d: a power of two is needed", size)
	}
	if c.Rings.Retire%time.Millisecond != 0 {
		v.fail(c.Rings.of("retire"), "retire: %v: whole milliseconds are needed", c.Rings.Retire)
	}
	// struct sockaddr_un has room for 108 bytes, the last one 0 (unix(7)).
	if len(c.Control) > 107 {
		v.fail(c.of("control"), "control: a path of %d bytes: a Unix socket's has at most 107", len(c.Control))
	}
	if c.Metrics != "" {
		_, port, err := net.SplitHostPort(c.Metrics)
		n, err2 := strconv.ParseUint(port, 10, 16)
		if err != nil || err2 != nil || n == 0 {
			v.fail(c.of("metrics"), "metrics: %s is not an address and port such as 127.0.0.1:9100", quote(c.Metrics))
		}
	}
	c.Process.complete()
}

// maxPorts is vrftable.Config.Ports' default.
const maxPorts = 256

func (v *validator) addPorts() {
	c := v.c
	if len(c.Ports) > maxPorts {
		v.fail(c.of("ports"), "ports: %d: at most %d are possible", len(c.Ports), maxPorts)
		return
	}
	devices := map[string]*Port{}
	for i := range c.Ports {
		p := &c.Ports[i]
		if p.Device == "" {
			p.Device = p.Name
			if !isDevice(p.Name) {
				v.fail(p.At, "%s cannot be a network device's name: name the device with device:", p.Name)
			}
		}
		if other := devices[p.Device]; other != nil {
			v.fail(p.of("device"), "device: %s is port %s already (line %d): a device is one port", p.Device, other.Name,
				other.At.Line)
		}
		devices[p.Device], v.ports[p.Name] = p, p
		c.objects.ports = append(c.objects.ports, p)
	}
	for n, name := range slices.Sorted(maps.Keys(v.ports)) {
		v.ports[name].Number = uint16(n)
	}
}

func (v *validator) addLayer2s() {
	for i := range v.c.Layer2 {
		l := &v.c.Layer2[i]
		if v.ports[l.Port] == nil {
			v.fail(l.of("port"), "port: there is no port %s%s", quote(l.Port), suggest(l.Port, keys(v.ports)))
			continue
		}
		s := slot{l.Port, l.VLAN}
		if other := v.slots[s]; other != nil {
			v.fail(l.At, "%s is port %s, VLAN %d, as is %s (line %d): a VLAN of a port is one layer 2 interface",
				l.Name, s.port, s.vlan, other.name, other.at.Line)
			continue
		}
		v.addLayer2(layer2{l.Name, s, l.Shutdown, l.At})
	}
}

func (v *validator) addLayer2(l layer2) *layer2 {
	v.c.objects.layer2s = append(v.c.objects.layer2s, l)
	v.layer2s[l.name], v.slots[l.slot] = &l, &l
	return &l
}

func (v *validator) addVRFs() {
	c := v.c
	if len(c.VRFs) > c.MaxVRFs {
		v.fail(c.of("vrfs"), "vrfs: %d: there is room for %d: raise max-vrfs", len(c.VRFs), c.MaxVRFs)
	}
	for i := range c.VRFs {
		if c.VRFs[i].Name == vrftable.Parent {
			v.fail(c.VRFs[i].At, "%s is the parent virtual router: its part of the file is vr", vrftable.Parent)
			continue
		}
		c.objects.vrfs = append(c.objects.vrfs, &c.VRFs[i])
	}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// addHosts checks the hosts' devices: each is made by the router, once.
func (v *validator) addHosts(all []router) {
	type device struct{ netns, name string }
	first := map[device]router{}
	for _, r := range all {
		h := r.Host
		if h == nil {
			continue
		}
		d := device{h.Netns, h.Device}
		if other, ok := first[d]; ok {
			v.fail(h.of("device"), "device: %s is VR %s's already (line %d): each VR needs a device of its own", h.Device,
				other.name, other.Host.At.Line)
			continue
		}
		first[d] = r
		for _, p := range v.ports {
			if p.Device == h.Device && h.Netns == "" {
				v.fail(h.of("device"), "device: %s is port %s: a host's device is made by the router, choose another name",
					h.Device, p.Name)
			}
		}
		if len(r.Interfaces)+len(r.Loopbacks) == 0 {
			v.warn(h.At, "VR %s has no addresses: nothing will be delivered to device %s", r.name, h.Device)
		}
	}
}
