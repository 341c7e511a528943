package vrftable

func (c AddVRF) stage(t *Table) error {
	object := "VRF " + c.Name
	if c.Name == "" {
		return refuse(ErrInvalid, object, "a name is needed")
	}
	if t.vrNames[c.Name] != nil {
		return refuse(ErrExists, object, "delete it first or choose another name")
	}
	v := &vr{name: c.Name, maxPaths: 1}
	switch n := len(t.vrFree); {
	case len(t.vrs) < cap(t.vrs):
		v.table = uint16(len(t.vrs))
		t.vrs = append(t.vrs, v)
	case n > 0:
		v.table = t.vrFree[n-1]
		t.vrFree, t.vrs[v.table] = t.vrFree[:n-1], v
	case len(t.deletedVRs) > 0:
		return refuse(ErrCapacity, object, "the tables of VRFs that the same batch deletes are free only after it: "+
			"delete them in a batch of their own, or raise Config.VRFs from %d", cap(t.vrs)-1)
	case len(t.vrWaiting) > 0:
		return refuse(ErrBusy, object, "readers still hold the tables of deleted VRFs: apply again when they have polled")
	default:
		return refuse(ErrCapacity, object, "%d VRFs are all there is room for: raise Config.VRFs", cap(t.vrs)-1)
	}
	t.vrNames[c.Name] = v
	t.journal.undo(func() {
		delete(t.vrNames, c.Name)
		v.deleted = true
		t.deletedVRs = append(t.deletedVRs, v)
	})
	return nil
}

// vrf finds a VR by name; "" is the parent.
func (t *Table) vrf(name string) (*vr, error) {
	if name == "" {
		return t.vrs[0], nil
	}
	if v := t.vrNames[name]; v != nil {
		return v, nil
	}
	return nil, refuse(ErrNotFound, "VRF "+name, "add it with AddVRF first")
}

// child finds a VRF by name and refuses the parent.
func (t *Table) child(name string) (*vr, error) {
	v, err := t.vrf(name)
	if err == nil && v.table == 0 {
		return nil, refuse(ErrInvalid, "VR "+Parent, "a VRF is needed, not the parent VR")
	}
	return v, err
}

func (c DeleteVRF) stage(t *Table) error {
	v, err := t.child(c.Name)
	if err != nil {
		return err
	}
	object := "VRF " + c.Name
	switch {
	case v.ifaces > 0:
		for _, i := range t.ifaces {
			if i != nil && i.vr == v && !i.deleted {
				return refuse(ErrInUse, object, "interface %s is in it: delete that first", i.name)
			}
		}
	case v.routes() > 0:
		return refuse(ErrInUse, object, "it has %d routes, %s among them: delete them first", v.routes(), t.someRoute(v))
	case v.imp != nil:
		return refuse(ErrInUse, object, "it has a global import map: clear that first")
	case v.exp != nil:
		return refuse(ErrInUse, object, "it has a global export map: clear that first")
	}
	delete(t.vrNames, c.Name)
	v.deleted = true
	t.deletedVRs = append(t.deletedVRs, v)
	t.journal.undo(func() { t.vrNames[c.Name], v.deleted = v, false })
	return nil
}

// someRoute names one route of AddRoute in v.
func (t *Table) someRoute(v *vr) string {
	for pfx, did := range v.rib.All4() {
		for id := t.dests.at(did).first; id != 0; id = t.paths.at(id).next {
			if p := t.paths.at(id); !p.leaked() && p.source >= Static {
				return pfx.String()
			}
		}
	}
	return "none"
}
