package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"vrfwd/bench/sample"
)

// timed is a measured point: one worker's time for a packet.
type timed struct {
	place
	ns, low, high float64
	sample        *sample.Sample
}

// distance is how far one place is from another; another method or other keys are farther than any number.
func distance(a, b *place) float64 {
	d := 0.0
	for axis := range axes {
		if !same(axis, a, b) {
			d += math.Abs(along(axis, a.at[axis]) - along(axis, b.at[axis]))
		}
	}
	if a.method != b.method {
		d += 100
	}
	if a.keys != b.keys {
		d += 30
	}
	return d
}

// line is points that are alike in all but one axis, sorted along it.
type line struct {
	axis   int
	points []*timed
}

// lines finds the lines along an axis, of two points at least.
func lines(all []timed, axis int) (found []line) {
	for i := range all {
		var l line
		for j := range all {
			if !alike(&all[i].place, &all[j].place, axis) {
				continue
			}
			if j < i {
				l.points = nil // found already, from there
				break
			}
			l.points = append(l.points, &all[j])
		}
		l.axis = axis
		slices.SortStableFunc(l.points, func(a, b *timed) int { return cmp.Compare(a.at[axis], b.at[axis]) })
		l.points = mean(l.points, axis)
		if len(l.points) > 1 {
			found = append(found, l)
		}
	}
	return found
}

// mean makes one point of those with one value.
func mean(sorted []*timed, axis int) (merged []*timed) {
	n := 0.0
	for i, p := range sorted {
		if i == 0 || p.at[axis] != sorted[i-1].at[axis] {
			one := *p
			merged, n = append(merged, &one), 1
			continue
		}
		last := merged[len(merged)-1]
		last.ns, n = (last.ns*n+p.ns)/(n+1), n+1
	}
	return merged
}

// alike tells whether two places differ along one axis at most.
func alike(a, b *place, axis int) bool {
	if a.method != b.method || a.keys != b.keys {
		return false
	}
	for other := range axes {
		// What an imported route costs is its place in the caches, whichever VRF it is in: 1,000,000 routes in one VRF, 100,000 in 10
		// and 10,000 in 100 were measured alike.
		if other == axis || axis == axisImports && (other == axisVRFs || other == axisRoutes) {
			continue
		}
		if !same(other, a, b) {
			return false
		}
	}
	return true
}

// ends are the line's first and last values.
func (l *line) ends() (low, high float64) {
	return l.points[0].at[l.axis], l.points[len(l.points)-1].at[l.axis]
}

// ns is the time at a value: straight between two points, and on beyond the last ones.
func (l *line) ns(v float64) float64 {
	i := 1
	for i < len(l.points)-1 && l.points[i].at[l.axis] < v {
		i++
	}
	a, b := l.points[i-1], l.points[i]
	x, from, to := along(l.axis, v), along(l.axis, a.at[l.axis]), along(l.axis, b.at[l.axis])
	return a.ns + (b.ns-a.ns)*(x-from)/(to-from)
}

// timeAt estimates a packet's time at a place. Errors: the method was not measured.
func (m *Model) timeAt(q place) (timed, Ground, error) {
	var anchor *timed
	for i := range m.times {
		if t := &m.times[i]; t.method == q.method && (anchor == nil || distance(&t.place, &q) < distance(&anchor.place, &q)) {
			anchor = t
		}
	}
	if anchor == nil {
		return timed{}, Ground{}, fmt.Errorf("no sample of method %s with ports %s and one worker", q.method, m.ports)
	}
	out, g := *anchor, Ground{Basis: Measured}
	at := anchor.place
	if at.keys != q.keys {
		m.otherKeys(&out, &at, q.keys, &g)
	}
	for axis := range axes {
		if same(axis, &at, &q) {
			continue
		}
		m.move(&out, &at, axis, q.at[axis], &g)
	}
	// A time below half of the least that was measured is a difference taken too far.
	if floor := m.least() / 2; out.ns < floor {
		out.ns = floor
		g.lower(Extrapolated, "differences lead below half of the least time measured")
	}
	out.place = q
	return out, g, nil
}

// move goes along an axis.
func (m *Model) move(out *timed, at *place, axis int, to float64, g *Ground) {
	from := at.at[axis]
	at.at[axis] = to
	if axis == axisVRFRoutes {
		at.profile = ""
	}
	var best *line
	score := math.Inf(1)
	for i := range m.lines[axis] {
		l := &m.lines[axis][i]
		low, high := l.ends()
		d := distance(&l.points[0].place, at) - math.Abs(along(axis, low)-along(axis, to))
		// Beyond its ends another method's line says more.
		d += 300 * (max(0, along(axis, low)-along(axis, min(from, to))) + max(0, along(axis, max(from, to))-along(axis, high)))
		if d < score {
			best, score = l, d
		}
	}
	if best == nil {
		g.lower(Extrapolated, "%s %s: only %s was measured", number(to), axisNames[axis], number(from))
		return
	}
	low, high := best.ends()
	switch {
	case to < low && !near(axis, to, low) || to > high && !near(axis, to, high):
		g.lower(Extrapolated, "%s %s: measured are %s to %s", number(to), axisNames[axis], number(low), number(high))
	case best.points[0].method != at.method:
		g.lower(Interpolated, "%s %s: as with %s", number(to), axisNames[axis], best.points[0].method)
	default:
		g.lower(Interpolated, "%s %s: between %s and %s", number(to), axisNames[axis], number(low), number(high))
	}
	d := best.ns(to) - best.ns(from)
	out.ns, out.low, out.high = out.ns+d, out.low+d, out.high+d
}

// near forgives what is beyond a line's end by a few percent: a profile's mean, the headers of a frame.
func near(axis int, v, end float64) bool { return math.Abs(along(axis, v)-along(axis, end)) < 0.03 }

// otherKeys changes the destinations, by the ratio of two points that differ in nothing else.
func (m *Model) otherKeys(out *timed, at *place, keys string, g *Ground) {
	from := at.keys
	at.keys = keys
	for i := range m.times {
		for j := range m.times {
			a, b := &m.times[i], &m.times[j]
			moved := a.place
			moved.keys = keys
			if a.keys == from && alike(&moved, &b.place, axes) {
				f := b.ns / a.ns
				out.ns, out.low, out.high = out.ns*f, out.low*f, out.high*f
				g.lower(Interpolated, "%s destinations: as with %s", keys, a.method)
				return
			}
		}
	}
	g.lower(Extrapolated, "%s destinations: not measured", keys)
}

// least is the least time measured.
func (m *Model) least() float64 {
	least := math.Inf(1)
	for i := range m.times {
		least = min(least, m.times[i].ns)
	}
	return least
}

// number prints a value of an axis.
func number(v float64) string {
	if v >= 1e4 && v == math.Trunc(v) {
		return Thousands(int(v))
	}
	return fmt.Sprintf("%.4g", v)
}

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
