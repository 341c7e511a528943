package config

import (
	"fmt"
	"reflect"

	"vrfwd/vrftable"
)

// Facts tells what the device of a port, by the port's name, has: its address and the largest IP packet that it takes.
// False: there is no such device.
type Facts func(port string) (mac vrftable.MAC, mtu int, ok bool)

// Changes plans how an empty table gets the configuration. Facts nil stands for devices that are as they should be:
// MAC addresses are made up. Errors: Errors, where a device is not there or too small.
func (c *Config) Changes(facts Facts) (*Plan, error) {
	p := &Plan{file: c.File, initial: true}
	if err := p.addPorts(c.objects.ports, facts); err != nil {
		return nil, err
	}
	p.diff(&objects{}, &c.objects)
	return p, nil
}

// Diff plans how a table that holds one configuration gets another. What is the same in both is not touched: its routes
// stay in the FIB, its counters go on. An interface whose addresses, VR or, for a primary, layer 2 interface change is
// made anew; a share moves and keeps its counters where it can.
//
// Ports and what Process has cannot change while the router runs, but for a port's MTU and the log's level: that is an
// error which says so, and nothing is planned.
func Diff(old, new *Config, facts Facts) (*Plan, error) {
	if errs := restarts(old, new); len(errs) > 0 {
		return nil, errs
	}
	p := &Plan{file: new.File}
	if err := p.changePorts(old.objects.ports, new.objects.ports, facts); err != nil {
		return nil, err
	}
	p.diff(&old.objects, &new.objects)
	return p, nil
}

// restarts lists what differs and cannot be changed while the router runs.
func restarts(old, new *Config) (errs Errors) {
	fail := func(at Position, format string, args ...any) {
		errs = append(errs, &Error{File: new.File, Position: at,
			Text: fmt.Sprintf(format, args...) + " while the router runs: restart it for that"})
	}
	a, b := old.Process, new.Process
	for _, f := range []struct {
		key      string
		old, new any
	}{
		{"workers", a.Workers, b.Workers}, {"cpus", a.CPUs, b.CPUs}, {"fanout", a.Fanout, b.Fanout},
		{"busy-poll", a.BusyPoll, b.BusyPoll}, {"rings", a.Rings.sizes(), b.Rings.sizes()},
		{"icmp-errors", a.ICMPErrors.numbers(), b.ICMPErrors.numbers()}, {"icmp-echo", a.ICMPEcho.numbers(), b.ICMPEcho.numbers()},
		{"max-vrfs", a.MaxVRFs, b.MaxVRFs},
		{"control", a.Control, b.Control}, {"metrics", a.Metrics, b.Metrics},
	} {
		if !reflect.DeepEqual(f.old, f.new) {
			fail(new.of(f.key), "%s cannot change", f.key)
		}
	}
	if a.Log.Format != b.Log.Format {
		fail(b.Log.of("format"), "the log's format cannot change")
	}
	had := index(old.objects.ports, func(p **Port) string { return (*p).Name })
	for _, p := range new.objects.ports {
		was := had[p.Name]
		delete(had, p.Name)
		switch {
		case was == nil:
			fail(p.At, "port %s cannot be added", p.Name)
		case (*was).Device != p.Device || (*was).Promiscuous != p.Promiscuous:
			fail(p.At, "port %s cannot change but for its MTU", p.Name)
		}
	}
	for _, name := range keys(had) {
		fail(new.of("ports"), "port %s cannot be removed", name)
	}
	errs.sort()
	return errs
}

// sizes returns the rings' values without their place in the file.
func (r Rings) sizes() Rings {
	r.Place = Place{}
	return r
}

// numbers returns a limit without its place in the file; nil: the default.
func (l *Limit) numbers() []int {
	if l == nil {
		return nil
	}
	return []int{l.Rate, l.Burst}
}

// index returns the elements of a list by key.
func index[T any, K comparable](list []T, key func(*T) K) map[K]*T {
	m := make(map[K]*T, len(list))
	for i := range list {
		m[key(&list[i])] = &list[i]
	}
	return m
}

// addPorts plans the ports.
func (p *Plan) addPorts(ports []*Port, facts Facts) error {
	var errs Errors
	for _, o := range ports {
		if mac, mtu, err := p.device(o, facts); err != nil {
			errs = append(errs, err)
		} else {
			p.add(o.At, vrftable.AddPort{Name: o.Name, Number: o.Number, MAC: mac, MTU: mtu})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func (p *Plan) changePorts(old, new []*Port, facts Facts) error {
	var errs Errors
	had := index(old, func(p **Port) string { return (*p).Name })
	for _, o := range new {
		if (*had[o.Name]).MTU == o.MTU {
			continue
		}
		if mac, mtu, err := p.device(o, facts); err != nil {
			errs = append(errs, err)
		} else {
			p.add(o.At, vrftable.SetPort{Name: o.Name, MAC: mac, MTU: mtu})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// device returns what a port gets of its device.
func (p *Plan) device(o *Port, facts Facts) (mac vrftable.MAC, mtu uint16, fault *Error) {
	if facts == nil {
		return vrftable.MAC{2, 0, 0, 0, byte(o.Number >> 8), byte(o.Number)}, o.MTU, nil
	}
	mac, most, ok := facts(o.Name)
	switch {
	case !ok:
		return mac, 0, &Error{File: p.file, Position: o.of("device"),
			Text: fmt.Sprintf("port %s: there is no device %s", o.Name, o.Device)}
	case int(o.MTU) > most:
		return mac, 0, &Error{File: p.file, Position: o.of("mtu"),
			Text: fmt.Sprintf("port %s: mtu %d is more than device %s's %d: raise that first", o.Name, o.MTU, o.Device, most)}
	case o.MTU != 0:
		return mac, o.MTU, nil
	}
	return mac, uint16(min(most, 1<<16-1)), nil
}

// diff plans everything but the ports. Deletions come first, from what stands on others to what others stand on, then
// additions the other way round, so that each change finds what it needs and no name or place is taken twice.
func (p *Plan) diff(old, new *objects) {
	d := &differ{Plan: p, old: old, new: new}
	d.compareLayer2s()
	d.compareIfaces()
	d.clearMaps()
	d.deleteStatics()
	tables := d.compareTables()
	for _, t := range tables {
		p.dropRoutes(t.old, t.gone)
	}
	d.deleteNeighbors()
	d.moveShares()
	d.deleteIfaces()
	d.addVRFs()
	d.setMaximumPaths()
	d.addLayer2s()
	d.addIfaces()
	d.addNeighbors()
	d.setPolicies()
	d.addStatics()
	for _, t := range tables {
		p.addRoutes(t.new, t.come)
	}
}
