package config

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"vrfwd/bgp/mrt"
	"vrfwd/gen"
	"vrfwd/lpm"
	"vrfwd/vrftable"
)

// routeSet is the routes of a VR's tables that the configuration says the same of: 12 bytes a route.
type routeSet struct {
	class
	attrs      vrftable.Attributes // of routes without their own; without NextHop
	gateways   []netip.Addr
	peers      []vrftable.Peer // of learned routes
	directions []direction     // by Hop-1; nil: a Hop is the number of a gateway plus 1
	routes     []lpm.Route     // sorted by prefix, then peer address or, where they are not learned, gateway; each once
	at         Position        // of the first of the tables
}

// direction is what routes have in common that bring attributes of their own: 16 bytes.
type direction struct {
	gateway uint32               // in routeSet.gateways
	peer    uint32               // in routeSet.peers, of learned routes
	attrs   *vrftable.Attributes // NextHop does not count
}

// class is what the routes of a set have in common. Its comparable part is complete: attrs follows from text.
type class struct {
	vr       string
	source   vrftable.Source
	distance uint8
	tag      uint32
	learned  bool   // from peers, by whose addresses the routes are known
	text     string // of the attributes
}

// reader reads tables: a file by its name, a dump's chosen peers, or a synthetic one.
type reader interface {
	file(path string) (*gen.List, error)
	dump(path string, c mrt.Choice) (*mrt.Dump, error)
	synthetic(c gen.TableConfig) ([]lpm.Route, error)
}

// disk reads tables from the file system, each file once.
type disk map[string]*gen.List

func (d disk) file(path string) (*gen.List, error) {
	if l := d[path]; l != nil {
		return l, nil
	}
	// What is not a file may have no end.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	l, err := gen.ReadTableFile(path)
	if err != nil {
		return nil, cmp.Or(broken(path), err)
	}
	d[path] = l
	return l, nil
}

// broken tells what is wrong with a compressed file itself: the last line of one that was cut short is wrong too, but
// that is not what is to be said. nil: nothing.
func broken(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil // not compressed, or a header that the reader has complained about
	}
	if _, err = io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("%s: the compressed file is damaged or cut short: %w", path, err)
	}
	return nil
}

func (disk) dump(path string, c mrt.Choice) (*mrt.Dump, error) { return mrt.ReadFile(path, c) }

func (disk) synthetic(c gen.TableConfig) ([]lpm.Route, error) { return gen.Synthetic(c) }

var sources = map[string]vrftable.Source{
	"": vrftable.EBGP, "ebgp": vrftable.EBGP, "ibgp": vrftable.IBGP, "static": vrftable.Static,
}

// addTables reads the tables of all VRs.
func (v *validator) addTables(from reader) {
	for _, r := range v.c.routers() {
		sets := map[class]*routeSet{}
		var order []*routeSet
		for i := range r.Tables {
			s := v.readTable(r, &r.Tables[i], from)
			if s == nil || !v.apart(order, s) {
				continue
			}
			if into := sets[s.class]; into != nil {
				into.merge(s)
				continue
			}
			sets[s.class] = s
			order = append(order, s)
		}
		v.apartFromStatics(r, order)
		v.c.objects.tables = append(v.c.objects.tables, order...)
	}
}

// readTable reads one table; nil: it cannot be used, and it was said why.
func (v *validator) readTable(r router, o *Table, from reader) *routeSet {
	given := 0
	for _, is := range []bool{o.File != "", o.MRT != nil, o.Synthetic != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		v.fail(o.At, "a table is either a file, a dump or synthetic: file: NAME, mrt: {file: NAME, peers: [AS, ...]} or "+
			"synthetic: {routes: N, seed: S}")
		return nil
	}
	s := &routeSet{class: class{vr: r.name, source: sources[o.Source], distance: o.Distance, tag: o.Tag}, at: o.At}
	if s.distance == 0 {
		s.distance = s.source.Distance()
	}
	if o.Source == "static" && (len(o.Communities) > 0 || len(o.ASPath) > 0 || o.LocalPreference != 0) {
		v.fail(o.of("source"), "source: static routes have no communities, as-path or local-preference: write ebgp or ibgp")
	}
	s.attrs = vrftable.Attributes{Communities: o.Communities, ASPath: o.ASPath, LocalPref: o.LocalPreference}
	s.text = fmt.Sprint(o.Communities, o.ASPath, o.LocalPreference)
	if len(o.NextHops) > int(lpm.MaxHop) {
		v.fail(o.of("next-hops"), "next-hops: %d: at most %d are possible", len(o.NextHops), lpm.MaxHop)
		return nil
	}
	locality := gen.Clustered
	if o.Spread == "hashed" {
		locality = gen.Hashed
	}
	var err error
	at := o.of("file")
	switch {
	case o.Synthetic != nil:
		err = v.fromModel(s, o, locality, from)
	case o.MRT != nil:
		at = o.MRT.of("file")
		err = v.fromDump(s, r, o, locality, from)
	default:
		err = v.fromFile(s, o, locality, from)
	}
	var fault *Error
	var file *fs.PathError
	var malformed *mrt.Error
	switch {
	case errors.As(err, &malformed):
		v.errs = append(v.errs, &Error{malformed.File, Position{},
			fmt.Sprintf("byte %d: %s (the table of %s)", malformed.Offset, malformed.Reason, place(v.file, o.At)), err})
	case errors.As(err, &fault):
		v.errs = append(v.errs, fault)
	case errors.As(err, &file):
		v.fail(at, "file: %s: %v", file.Path, file.Err)
	case err != nil:
		v.fail(o.At, "table: %v", err)
	}
	if err != nil {
		return nil
	}
	return s
}

func (v *validator) fromModel(s *routeSet, o *Table, locality gen.Locality, from reader) (err error) {
	switch {
	case len(o.NextHops) == 0:
		return errors.New("next-hops are needed: a synthetic table has no gateways of its own")
	case len(o.Translate) > 0:
		return errors.New("translate is for files: a synthetic table has no next hops to translate")
	}
	s.gateways = o.NextHops
	s.routes, err = from.synthetic(gen.TableConfig{Routes: o.Synthetic.Routes, NextHops: len(o.NextHops), Locality: locality,
		Seed: o.Synthetic.Seed})
	return err
}

func (v *validator) fromFile(s *routeSet, o *Table, locality gen.Locality, from reader) error {
	path := v.path(o.File)
	list, err := from.file(path)
	var syntax *gen.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &Error{syntax.File, Position{syntax.Line, syntax.Column},
			fmt.Sprintf("%s (the table of %s)", syntax.Reason, place(v.file, o.At)), err}
	case err != nil:
		return err
	}
	if list.IPv6 > 0 {
		v.warn(o.At, "table %s: %d IPv6 prefixes are skipped", o.File, list.IPv6)
	}
	if len(list.Entries) == 0 {
		v.warn(o.At, "table %s has no IPv4 prefixes", o.File)
		return nil
	}
	for _, e := range list.Entries {
		switch {
		case e.NextHop == 0 && len(o.NextHops) == 0:
			return &Error{path, Position{e.Line, 1}, fmt.Sprintf("the prefix has no next hop: write one here, or next-hops in %s",
				place(v.file, o.At)), nil}
		case e.NextHop != 0 && !unicast(addr4(e.NextHop)):
			return &Error{path, Position{e.Line, 1}, fmt.Sprintf("next hop %v is not a station's address (the table of %s)",
				addr4(e.NextHop), place(v.file, o.At)), nil}
		}
	}
	routes, gateways, err := list.Routes(len(o.NextHops), locality, 0)
	if err != nil {
		return err
	}
	s.routes = routes
	v.resolve(s, o, gateways)
	return nil
}

// path returns where a file is that the configuration names.
func (v *validator) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(v.file), name)
	}
	return name
}

// resolve gives the hops of a file their gateways.
func (v *validator) resolve(s *routeSet, o *Table, gateways []uint32) {
	to := map[netip.Addr]netip.Addr{}
	for _, p := range o.Translate {
		to[p.Key] = p.Value
	}
	spread := o.NextHops
	for _, g := range gateways {
		a := addr4(g)
		if g == 0 {
			a, spread = spread[0], spread[1:]
		} else if t, ok := to[a]; ok {
			a = t
			delete(to, addr4(g))
		}
		s.gateways = append(s.gateways, a)
	}
	for _, p := range o.Translate {
		if _, left := to[p.Key]; left {
			v.warn(p.At, "translate: table %s has no next hop %v", o.File, p.Key)
		}
	}
}

// compare orders a route of s and one of another set as each set is ordered: by prefix, then peer or gateway. Either both
// sets' routes are learned, or neither's.
func (s *routeSet) compare(a lpm.Route, o *routeSet, b lpm.Route) int {
	if c := comparePrefixes(a, b); c != 0 {
		return c
	}
	if s.learned {
		return s.peer(a).Addr.Compare(o.peer(b).Addr)
	}
	return s.gateway(a).Compare(o.gateway(b))
}

func comparePrefixes(a, b lpm.Route) int {
	return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Len, b.Len))
}

// merge takes the routes of another table of the same class in.
func (s *routeSet) merge(o *routeSet) {
	base := lpm.Hop(len(s.gateways))
	if s.directions != nil || o.directions != nil {
		first, peers := uint32(len(s.gateways)), uint32(len(s.peers))
		s.directions = slices.Clip(s.allDirections())
		base = lpm.Hop(len(s.directions))
		for _, d := range o.allDirections() {
			s.directions = append(s.directions, direction{first + d.gateway, peers + d.peer, d.attrs})
		}
	}
	s.gateways = append(slices.Clip(s.gateways), o.gateways...)
	s.peers = append(slices.Clip(s.peers), o.peers...)
	all := make([]lpm.Route, 0, len(s.routes)+len(o.routes))
	a, b := s.routes, o.routes
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && s.compare(a[0], o, b[0]) < 0 {
			all = append(all, a[0])
			a = a[1:]
		} else {
			r := b[0]
			r.Hop += base
			all = append(all, r)
			b = b[1:]
		}
	}
	s.routes = all
}

// allDirections returns the directions, made of the gateways where there are none.
func (s *routeSet) allDirections() []direction {
	if s.directions != nil {
		return s.directions
	}
	all := make([]direction, len(s.gateways))
	for i := range all {
		all[i] = direction{gateway: uint32(i), attrs: &s.attrs}
	}
	return all
}

// number returns the number of a route's gateway.
func (s *routeSet) number(r lpm.Route) int {
	if s.directions != nil {
		return int(s.directions[r.Hop-1].gateway)
	}
	return int(r.Hop - 1)
}

func (s *routeSet) gateway(r lpm.Route) netip.Addr { return s.gateways[s.number(r)] }

// peer returns whom a learned route is from.
func (s *routeSet) peer(r lpm.Route) vrftable.Peer { return s.peers[s.directions[r.Hop-1].peer] }

// by names what tells a route from others to its prefix.
func (s *routeSet) by(r lpm.Route) string {
	if s.learned {
		return fmt.Sprintf("of peer %v", s.peer(r).Addr)
	}
	return fmt.Sprintf("by %v", s.gateway(r))
}

// attrsOf returns a route's attributes, of which NextHop does not count.
func (s *routeSet) attrsOf(r lpm.Route) *vrftable.Attributes {
	if s.directions != nil {
		return s.directions[r.Hop-1].attrs
	}
	return &s.attrs
}

// same tells whether a route of s and one of another set of the same class, which compare as equal, are the same in all else:
// attributes and, of learned ones, the gateway and the peer's BGP identifier.
func (s *routeSet) same(a lpm.Route, o *routeSet, b lpm.Route) bool {
	if s.directions == nil && o.directions == nil {
		return true
	}
	if s.learned && (s.gateway(a) != o.gateway(b) || s.peer(a) != o.peer(b)) {
		return false
	}
	x, y := s.attrsOf(a), o.attrsOf(b)
	return x == y || x.LocalPref == y.LocalPref && x.MED == y.MED && x.Origin == y.Origin && slices.Equal(x.ASPath, y.ASPath) &&
		slices.Equal(x.Communities, y.Communities)
}

// apart tells whether a table's routes are others than those of the tables before it, and says so if not: a learned route is
// known by its prefix and peer, another by its prefix, source, distance and, but for static ones, gateway.
func (v *validator) apart(before []*routeSet, s *routeSet) bool {
	for _, o := range before {
		if o.learned != s.learned || !s.learned && (o.source != s.source || o.distance != s.distance) {
			continue
		}
		remedy := "give one of them another distance"
		if s.learned {
			remedy = "choose other peers for one of them"
		}
		for i, j := 0, 0; i < len(o.routes) && j < len(s.routes); {
			a, b := o.routes[i], s.routes[j]
			switch c := o.compare(a, s, b); {
			case c == 0 || s.source == vrftable.Static && comparePrefixes(a, b) == 0:
				v.fail(s.at, "table: %v %s is in the table of line %d too: %s", prefix(b), s.by(b), o.at.Line, remedy)
				return false
			case c < 0:
				i++
			default:
				j++
			}
		}
	}
	return true
}

// apartFromStatics refuses static routes that are in a table of static routes too.
func (v *validator) apartFromStatics(r router, sets []*routeSet) {
	for _, s := range sets {
		if s.source != vrftable.Static {
			continue
		}
		for i := range r.Routes {
			o := &r.Routes[i]
			if max(o.Distance, vrftable.DistanceStatic) != s.distance {
				continue
			}
			want := lpm.Route{Addr: number4(o.Prefix.Addr()), Len: uint8(o.Prefix.Bits())}
			if _, found := slices.BinarySearchFunc(s.routes, want, comparePrefixes); found {
				v.fail(o.At, "%v is in the table of static routes of line %d too: give one of them another distance", o.Prefix,
					s.at.Line)
			}
		}
	}
}

func prefix(r lpm.Route) netip.Prefix { return netip.PrefixFrom(addr4(r.Addr), int(r.Len)) }
