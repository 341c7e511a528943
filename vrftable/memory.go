package vrftable

import "unsafe"

// Memory is where a Table's bytes are.
type Memory struct {
	GlobalFIB   int // what lookups in the parent's table read
	VRFFIB      int // what lookups in the VRFs' tables read
	FIBWriter   int // the FIBs' own records for updates
	Adjacencies int // slots in use, 64 bytes each, in every array that is kept
	Ingress     int // records of the current view: 32 KiB a port that has an interface
	RIB         int // routes, prefixes, attributes and their index: an estimate, see Memory
}

// Memory returns the memory by part. The records of routes and prefixes are counted exactly, whole pool pages, free
// ones included. Attributes are counted by length plus attrOverhead a set, bart's index with indexPrefix a prefix and
// indexTable a VR: those three were measured with runtime.MemStats on the real table (results differ by some 10 %).
func (t *Table) Memory() Memory {
	const (
		attrOverhead = 64  // string header, count and map entry
		indexPrefix  = 21  // bart.Table[uint32], real table of 901,899 prefixes
		indexTable   = 512 // an empty VR
	)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return Memory{}
	}
	var m Memory
	var w1, w2 int
	m.GlobalFIB, w1 = t.global.Memory()
	m.VRFFIB, w2 = t.set.Memory()
	m.FIBWriter = w1 + w2
	m.Adjacencies = t.slots.arrays() * int(t.slots.next) * int(unsafe.Sizeof(Adjacency{}))
	view := t.View()
	m.Ingress = len(view.Ports) * int(unsafe.Sizeof(view.Ports[0]))
	for _, p := range view.Ports {
		if p != nil {
			m.Ingress += int(unsafe.Sizeof(*p))
		}
	}
	m.RIB = t.dests.records()*int(unsafe.Sizeof(dest{})) + t.paths.records()*int(unsafe.Sizeof(path{}))
	for _, a := range t.attrs.sets {
		if a.refs > 0 {
			m.RIB += len(a.code) + attrOverhead
		}
	}
	for _, v := range t.vrs {
		if v != nil {
			m.RIB += indexTable + v.rib.Size4()*indexPrefix
		}
	}
	return m
}
