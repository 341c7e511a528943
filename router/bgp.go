package router

import (
	"context"
	"iter"
	"log/slog"
	"net/netip"
	"reflect"

	"vrfwd/bgp"
	"vrfwd/config"
	"vrfwd/vrftable"
)

// sessions is what a router needs of a *bgp.Server.
type sessions interface {
	Set([]bgp.Config) error
	Run(context.Context)
	Neighbors() []bgp.NeighborInfo
	Clear(vr string, addr netip.Addr, kind bgp.ClearKind) error
	Advertised(vr string, addr netip.Addr, prefix netip.Prefix) iter.Seq2[netip.Prefix, vrftable.Attributes]
	PoliciesChanged()
	Close()
}

func newSessions(t *vrftable.Table, log *slog.Logger) sessions {
	return bgp.New(t, bgp.Options{Log: log})
}

// bgpOf lists a configuration's BGP, VR by VR.
func bgpOf(c *config.Config) (all []bgp.Config) {
	for _, s := range c.Speakers() {
		one := bgp.Config{VR: bgpVR(s.VR), AS: s.AS, RouterID: s.RouterID, Netns: s.Netns, Port: s.Port}
		for i := range s.Neighbors {
			one.Neighbors = append(one.Neighbors, bgpNeighbor(s.Neighbors[i].Key, &s.Neighbors[i].Value))
		}
		for _, n := range s.Networks {
			one.Networks = append(one.Networks, bgp.Network{Prefix: n.Prefix, RouteMap: n.RouteMap})
		}
		d := &s.Redistribute
		for _, r := range []struct {
			kind bgp.Redistribution
			of   *config.Redistribution
		}{
			{bgp.RedistributeConnected, d.Connected}, {bgp.RedistributeStatic, d.Static},
			{bgp.RedistributeExported, d.Exported}, {bgp.RedistributeImported, d.Imported},
		} {
			if r.of != nil {
				one.Redistribute = append(one.Redistribute, bgp.Redistribute{Kind: r.kind, RouteMap: r.of.RouteMap})
			}
		}
		for _, a := range s.Aggregates {
			one.Aggregates = append(one.Aggregates, bgp.Aggregate{Prefix: a.Prefix, SummaryOnly: a.SummaryOnly, RouteMap: a.RouteMap})
		}
		all = append(all, one)
	}
	return all
}

func bgpNeighbor(addr netip.Addr, n *config.BGPNeighbor) bgp.Neighbor {
	out := bgp.Neighbor{
		Addr: addr, AS: n.AS, Local: n.LocalAddress, Description: n.Description, Port: n.Port,
		Shutdown: n.Shutdown, Passive: n.Passive, Multihop: n.Multihop, Password: n.Password,
		Hold: n.Timers.Hold, Connect: n.Timers.Connect, GracefulRestart: n.GracefulRestart,
		In: n.RouteMapIn, Out: n.RouteMapOut, NextHopSelf: n.NextHopSelf, AllowOwnAS: n.AllowOwnAS,
	}
	if m := n.MaxPrefixes; m != nil {
		out.MaxPrefixes, out.WarnOnly, out.RestartIn = m.Limit, m.WarnOnly, m.Restart
	}
	return out
}

// bgpVR is a VR's name as package bgp has it: "" for the parent.
func bgpVR(vr string) string {
	if vr == vrftable.Parent {
		return ""
	}
	return vr
}

// vrOf is the inverse of bgpVR.
func vrOf(name string) string {
	if name == "" {
		return vrftable.Parent
	}
	return name
}

// bgpChanges counts what differs between two configurations of BGP: neighbours, and VRs in what else they have.
func bgpChanges(old, new []bgp.Config) (n int) {
	type key struct {
		vr   string
		addr netip.Addr // not valid: the VR's own part
	}
	parts := func(all []bgp.Config) map[key]any {
		out := map[key]any{}
		for _, c := range all {
			for _, n := range c.Neighbors {
				out[key{c.VR, n.Addr}] = n
			}
			c.Neighbors = nil
			out[key{vr: c.VR}] = c
		}
		return out
	}
	was, is := parts(old), parts(new)
	for k, v := range is {
		if !reflect.DeepEqual(was[k], v) {
			n++
		}
		delete(was, k)
	}
	return n + len(was)
}
