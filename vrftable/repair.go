package vrftable

import (
	"fmt"

	"vrfwd/lpm"
)

// owedFIB is a call that a FIB refused while a batch was taken back. The prefixes' hops are noted as if it had not.
type owedFIB struct {
	vr      *vr
	changes []lpm.Route
}

// takeBack publishes what was derived from the records of before a batch, with the memory that FIBs keep for it.
func (t *Table) takeBack() {
	t.reserve(true)
	t.takingBack = true
	err := t.publish()
	t.takingBack = false
	t.reserve(false)
	if err != nil { // no packet enters a VRF before its routes are back
		t.owedIngress = append(t.owedIngress, t.touchedIngress...)
	}
	if t.owes() {
		t.log.Error("vrftable: a refused batch could not be taken back in all FIBs: no other is applied until it is", "error", err)
	}
}

func (t *Table) reserve(open bool) {
	t.global.Reserve(open)
	t.set.Reserve(open)
}

// owes tells that FIBs may still name what a refused batch was to put there.
func (t *Table) owes() bool { return len(t.owed) > 0 || t.global.Owes() || t.set.Owes() }

// repair finishes taking a refused batch back.
func (t *Table) repair() error {
	if !t.owes() {
		return nil
	}
	t.reserve(true)
	defer t.reserve(false)
	if err := t.global.Apply(nil); err != nil {
		return fmt.Errorf("FIB of %s: %w", Parent, err)
	}
	if err := t.set.Apply(0, nil); err != nil {
		return fmt.Errorf("FIBs of VRFs: %w", err)
	}
	for len(t.owed) > 0 {
		o := t.owed[0]
		if err := t.writeFIB(o.vr, o.changes); err != nil {
			return fmt.Errorf("FIB of %s: %w", o.vr.name, err)
		}
		t.owed = t.owed[1:]
	}
	t.touchedIngress = append(t.touchedIngress, t.owedIngress...)
	t.publishView(t.ingressChanges())
	t.owed, t.owedIngress, t.touchedIngress = nil, nil, t.touchedIngress[:0]
	t.slots.settle(false)
	t.groups.settle(&t.domain, false)
	t.log.Info("vrftable: the refused batch is taken back in all FIBs")
	return nil
}
