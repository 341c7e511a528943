package router

import "vrfwd/vrftable"

// What lines about the network have as event: see the package's documentation.
const (
	eventReload        = "reload"
	eventReloadRefused = "reload-refused"
	eventReplay        = "replay"
	eventReplayEnded   = "replay-ended"
	eventPortUp        = "port-up"
	eventPortDown      = "port-down"
	eventPortChanged   = "port-changed"
	eventInterfaceUp   = "interface-up"
	eventInterfaceDown = "interface-down"
	eventRoute         = "route"
	eventRoutes        = "routes"
)

// interfaceStates are the IP interfaces as they were when their states were last looked at.
type interfaceStates struct {
	generation uint64 // of the table's interfaces
	known      map[string]vrftable.InterfaceInfo
}

// look looks at the interfaces, and hands over those that went up or down since the last look, or came up or went while
// up. The first look hands over none.
func (s *interfaceStates) look(t *vrftable.Table, changed func(i vrftable.InterfaceInfo, up bool)) {
	generation := t.InterfaceGeneration() // before the states: what changes meanwhile is seen by the next look
	if s.known != nil && generation == s.generation {
		return
	}
	was := s.known
	s.generation, s.known = generation, map[string]vrftable.InterfaceInfo{}
	for _, i := range t.Interfaces() {
		s.known[i.Name] = i
		if was != nil && was[i.Name].Up != i.Up {
			changed(i, i.Up)
		}
		delete(was, i.Name)
	}
	for _, i := range was {
		if i.Up {
			changed(i, false)
		}
	}
}

// logInterface logs an interface's new state, if that is asked for.
func (r *Router) logInterface(i vrftable.InterfaceInfo, up bool) {
	switch {
	case !r.logChanges.Load():
	case up:
		r.log.Info("interface is up", "event", eventInterfaceUp, "interface", i.Name, "vr", i.VR, "port", i.Port, "vlan", i.VLAN)
	default:
		r.log.Warn("interface is down", "event", eventInterfaceDown, "interface", i.Name, "vr", i.VR, "port", i.Port, "vlan", i.VLAN)
	}
}
