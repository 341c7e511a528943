package vrftable

const (
	maxRecursion = 8  // routes that a gateway may be looked up through, one behind the other: it ends loops
	maxLookups   = 64 // lookups for one gateway, where several routes of a prefix are tried
)

// deriveNextHops gives every queued next hop its adjacency. What one next hop resolves to may decide others: bind
// queues those, until nothing changes. It ends because a result depends on the configured routes and the interfaces'
// states alone (see resolve), not on the results of others.
func (t *Table) deriveNextHops() {
	for len(t.queue) > 0 {
		n := len(t.queue) - 1
		id := t.queue[n]
		t.queue = t.queue[:n]
		nh := t.nexthops[id]
		if nh == nil {
			continue
		}
		nh.queued = false
		if nh.group != nil {
			t.evaluateGroup(id)
			continue
		}
		if key, ok := t.evaluate(&nh.key); ok && nh.refs > 0 {
			t.bind(id, t.adjacency(key))
		} else {
			t.bind(id, nil)
		}
	}
	t.queue = trim(t.queue)
}

// evaluate returns the adjacency that a next hop stands for; false: it cannot be used now.
func (t *Table) evaluate(k *nhKey) (adjKey, bool) {
	switch k.kind {
	case nhDiscard:
		return adjKey{kind: Discard}, true
	case nhReject:
		return adjKey{kind: Reject}, true
	case nhLocal:
		return adjKey{kind: Local, iface: k.iface}, t.ifaces[k.iface].up
	case nhGlean:
		return adjKey{kind: Glean, iface: k.iface}, t.ifaces[k.iface].up
	case nhDirect:
		return adjKey{Forward, k.iface, k.gateway}, t.ifaces[k.iface].up
	case nhOnLink:
		return t.onLink(t.vrs[k.vr], k.gateway)
	}
	return t.resolve(t.vrs[k.vr], k.gateway)
}

// resolve finds the adjacency behind a gateway: through the longest connected or static route that holds it and whose
// own interface, if it names one, is up; if that route has a gateway without an interface, through that one, and so on. Of
// several such routes of one prefix it is the first, as best paths are chosen, that leads to an adjacency.
//
// Routes learned by BGP are not looked through, and a gateway that cannot be resolved does not fall back to a shorter
// route: with either, a route could decide its own resolution and flap for ever. As it stands, the result is a function
// of the configured routes and the interfaces' states, and a loop ends unresolved at the depth limit.
func (t *Table) resolve(v *vr, gateway uint32) (adjKey, bool) {
	lookups := maxLookups
	return t.resolveThrough(v, gateway, maxRecursion, &lookups)
}

// resolveThrough is resolve through at most depth routes one behind the other, with at most so many lookups.
func (t *Table) resolveThrough(v *vr, gateway uint32, depth int, lookups *int) (adjKey, bool) {
	if depth == 0 || *lookups == 0 {
		return adjKey{}, false
	}
	*lookups--
	d := t.resolverOf(v, gateway)
	for p := t.nextResolver(d, nil); p != nil; p = t.nextResolver(d, p) {
		key, ok := adjKey{}, false
		switch k := &t.nexthops[p.nh].key; k.kind {
		case nhGlean:
			key, ok = adjKey{Forward, k.iface, gateway}, true
		case nhRecursive:
			key, ok = t.resolveThrough(v, k.gateway, depth-1, lookups)
		case nhLocal:
			return adjKey{}, false // a gateway must be another's address
		default:
			key, ok = t.evaluate(k)
		}
		if ok {
			return key, true
		}
	}
	return adjKey{}, false
}

// onLink finds the adjacency of a gateway that must be another's station on a network of one of the VR's interfaces.
func (t *Table) onLink(v *vr, gateway uint32) (adjKey, bool) {
	for _, did := range v.rib.Supernets(netPrefix(gateway, 32)) {
		for id := t.dests.at(did).first; id != 0; id = t.paths.at(id).next {
			p := t.paths.at(id)
			switch k := &t.nexthops[p.nh].key; {
			case p.leaked():
			case p.source == OwnAddress:
				return adjKey{}, false
			case p.source == Connected && t.ifaces[k.iface].up:
				return adjKey{Forward, k.iface, gateway}, true
			}
		}
	}
	return adjKey{}, false
}

// resolverOf returns the dest of the longest prefix that a gateway may be resolved through; nil: none.
func (t *Table) resolverOf(v *vr, gateway uint32) *dest {
	for _, did := range v.rib.Supernets(netPrefix(gateway, 32)) {
		if d := t.dests.at(did); t.nextResolver(d, nil) != nil {
			return d
		}
	}
	return nil
}

// nextResolver returns the first path of a dest, as best paths are chosen, that comes after the path last and that a gateway may
// be resolved through; nil: none. A nil dest has none.
func (t *Table) nextResolver(d *dest, last *path) (first *path) {
	if d == nil {
		return nil
	}
	for id := d.first; id != 0; {
		p := t.paths.at(id)
		id = p.next
		if p.leaked() || !p.source.resolver() || last != nil && t.compare(p, last) <= 0 {
			continue
		}
		switch k := &t.nexthops[p.nh].key; k.kind {
		case nhLocal, nhGlean, nhDirect:
			if !t.ifaces[k.iface].up {
				continue
			}
		}
		if first == nil || t.compare(p, first) < 0 {
			first = p
		}
	}
	return first
}
