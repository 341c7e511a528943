package router

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vrfwd/bgp"
)

// established tells whether the session is up.
func (n *BGPNeighbor) established() bool { return n.State == bgp.Established.String() }

// seconds shows a number of seconds as people read it.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// WriteText writes a line for each neighbour, and one for all.
func (s *BGPSummary) WriteText(w io.Writer) error {
	up, accepted, advertised := 0, 0, 0
	err := table(w, "VR\tNEIGHBOR\tAS\tSTATE\tSINCE\tACCEPTED\tADVERTISED\tFLAPS\tDESCRIPTION", func(row func(...any)) {
		for _, n := range s.Neighbors {
			state := n.State
			if n.established() {
				up++
			}
			if n.Stale {
				state += " (stale routes)"
			}
			accepted += n.Accepted
			advertised += n.Advertised
			row(n.VR, n.Address, n.AS, state, seconds(n.Since), n.Accepted, n.Advertised, n.Flaps, dash(n.Description))
		}
	})
	if err == nil {
		_, err = fmt.Fprintf(w, "\n%d of %d sessions up, %d prefixes accepted, %d advertised\n", up, len(s.Neighbors), accepted, advertised)
	}
	return err
}

// WriteText writes a paragraph for each neighbour.
func (l *BGPNeighbors) WriteText(w io.Writer) error {
	for i, n := range l.Neighbors {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := n.writeText(w); err != nil {
			return err
		}
	}
	return nil
}

func (n *BGPNeighbor) writeText(w io.Writer) error {
	kind := "external"
	if n.AS == n.LocalAS {
		kind = "internal"
	}
	title := fmt.Sprintf("%s in %s, AS %d, %s", n.Address, n.VR, n.AS, kind)
	if n.Description != "" {
		title += ": " + n.Description
	}
	fmt.Fprintln(w, title)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-12s  %s\n", name, fmt.Sprintf(format, args...))
	}
	line("state", "%s for %s, %d flaps", n.State, seconds(n.Since), n.Flaps)
	if n.LastError != "" {
		line("last error", "%s", n.LastError)
	}
	line("local", "%s, AS %d", n.Local, n.LocalAS)
	if n.ID != "" {
		line("id", "%s", n.ID)
	}
	if n.established() {
		hold := "none"
		if n.Hold > 0 {
			hold = seconds(n.Hold)
		}
		line("hold time", "%s", hold)
		line("capabilities", "%s", dash(strings.Join(n.Capabilities, ", ")))
	}
	most := ""
	if n.MaxPrefixes > 0 {
		most = fmt.Sprintf(" of at most %d", n.MaxPrefixes)
	}
	if n.Stale {
		most += ", stale"
	}
	line("prefixes", "%d accepted%s, %d advertised", n.Accepted, most, n.Advertised)
	return table(w, "  MESSAGES\tOPEN\tUPDATE\tNOTIFICATION\tKEEPALIVE\tREFRESH\tANNOUNCED\tWITHDRAWN\tMALFORMED\tREFUSED", func(row func(...any)) {
		for _, d := range []struct {
			name string
			m    BGPMessages
		}{{"  received", n.Received}, {"  sent", n.Sent}} {
			row(d.name, d.m.Opens, d.m.Updates, d.m.Notifications, d.m.Keepalives, d.m.Refreshes, d.m.Announced, d.m.Withdrawn,
				d.m.Malformed, d.m.Refused)
		}
	})
}

// BGPRouteHead is the line above BGP routes.
const BGPRouteHead = "  PREFIX              NEXT HOP         NEIGHBOR         PREF   MED    AS PATH"

// WriteText writes a line: "*" marks a route in use; the origin is i, e or ? behind the path.
func (r *BGPRoute) WriteText(w io.Writer) error {
	mark := " "
	if r.Best {
		mark = "*"
	}
	var path strings.Builder
	for _, as := range r.ASPath {
		fmt.Fprintf(&path, "%d ", as)
	}
	path.WriteString(map[string]string{"igp": "i", "egp": "e"}[r.Origin])
	if r.Origin == "incomplete" {
		path.WriteString("?")
	}
	if len(r.Communities) > 0 {
		fmt.Fprintf(&path, "  [%s]", strings.Join(r.Communities, " "))
	}
	if r.From != "" {
		fmt.Fprintf(&path, "  (from %s)", r.From)
	}
	if r.Why != "" {
		fmt.Fprintf(&path, "  (%s)", r.Why)
	}
	_, err := fmt.Fprintf(w, "%s %-18s  %-15s  %-15s  %-5d  %-5d  %s\n", mark, r.Prefix, dash(r.NextHop), dash(r.Neighbor),
		r.LocalPreference, r.MED, path.String())
	return err
}

// WriteText says whose sessions were cleared, and how.
func (c *BGPCleared) WriteText(w io.Writer) error {
	did := map[string]string{"hard": "the session was ended", "in": "its routes are asked for again", "out": "it is told all routes again"}
	if len(c.Cleared) == 0 {
		_, err := fmt.Fprintln(w, "there is no neighbour")
		return err
	}
	for _, n := range c.Cleared {
		if _, err := fmt.Fprintf(w, "%s in %s: %s\n", n.Address, n.VR, did[c.How]); err != nil {
			return err
		}
	}
	return nil
}
