package plan

import (
	"math"
	"slices"

	"vrfwd/bench/sample"
)

// counted is what memory depends on.
type counted struct {
	method                                               string
	vrfs, routes, vrfRoutes, imported, nextHops, workers float64
	frames                                               float64 // bytes of frames in flight, each worker
	descriptors                                          float64 // of rings: frames for each port, each worker
}

// terms name the columns of counted.row.
var terms = []string{"itself", "global routes", "their square root", "VRFs", "VRF routes", "routes imported by a map", "circuits in the parent", "shares",
	"copied routes", "global routes in wide leaves"}

// row gives the terms' numbers.
func (c *counted) row() []float64 {
	// Routes that a map chooses lie far apart, and those of a full copy side by side: they share what a FIB has for both.
	circuits, shares, chosen, copied, wide := 0.0, 0.0, c.imported, 0.0, 0.0
	switch c.method {
	case "full-copy":
		chosen, copied = 0, c.imported
	case "two-circuits":
		circuits = c.vrfs
		if c.vrfs+c.nextHops >= narrow {
			wide = c.routes
		}
	case "default-share":
		shares = c.vrfs
	}
	return []float64{1, c.routes, math.Sqrt(c.routes), c.vrfs, c.vrfRoutes, chosen, circuits, shares, copied, wide}
}

// narrow is the number of adjacencies in the parent from which on its FIB's leaves are of two bytes: see vrfwd/lpm.
const narrow = 255

// columns says which terms a part may have: few, so that each is told from the others.
var columns = map[string][]int{
	"global-fib":  {0, 1, 2, 9},
	"vrf-fibs":    {0, 3, 4, 5, 8},
	"fib-writer":  {0, 1, 3, 4, 5, 6, 8},
	"adjacencies": {0, 3, 6, 7},
	"ingress":     {0, 3},
	"rib":         {0, 1, 3, 4, 5, 6, 8},
}

// part is the fit of one.
type part struct {
	key, name string
	perUnit   []float64 // bytes for each, by term
}

func (p *part) bytes(c *counted) float64 {
	sum := 0.0
	for i, v := range c.row() {
		sum += v * p.perUnit[i]
	}
	return sum
}

// remembered is a measured point's memory.
type remembered struct {
	counted
	memory *sample.Memory
	sample *sample.Sample
}

// bytesOf gives a part of a sample's memory.
func bytesOf(m *sample.Memory, key string) float64 {
	parts := m.Parts()
	i := slices.IndexFunc(parts, func(p sample.Part) bool { return p.Key == key })
	return float64(parts[i].Bytes)
}

// fitMemory fits each part but frames and rings, which follow from the number of workers.
func fitMemory(all []remembered) (parts []part) {
	for _, p := range all[0].memory.Parts() {
		use, ok := columns[p.Key]
		if !ok {
			continue
		}
		var rows [][]float64
		var want []float64
		for i := range all {
			bytes := bytesOf(all[i].memory, p.Key)
			if bytes <= 0 {
				continue
			}
			// Relative errors: a table of a thousandth of another's bytes counts as much as that one.
			full, row := all[i].row(), make([]float64, len(use))
			for j, c := range use {
				row[j] = full[c] / bytes
			}
			rows, want = append(rows, row), append(want, 1)
		}
		fitted := part{p.Key, p.Name, make([]float64, len(terms))}
		if len(rows) > 0 {
			for j, v := range leastSquares(rows, want) {
				fitted.perUnit[use[j]] = v
			}
		}
		parts = append(parts, fitted)
	}
	return parts
}

// Bytes is a part of the memory.
type Bytes struct {
	Key   string  `json:"key"`
	Name  string  `json:"name"`
	Bytes float64 `json:"bytes"`
}

// memoryAt estimates the memory by part.
func (m *Model) memoryAt(c counted) (parts []Bytes, total float64, g Ground) {
	g.Basis = Measured
	exact := slices.IndexFunc(m.memories, func(r remembered) bool {
		a, b := r.counted, c
		a.workers, a.frames, a.descriptors, b.workers, b.frames, b.descriptors = 0, 0, 0, 0, 0, 0
		if math.Abs(a.vrfRoutes-b.vrfRoutes) <= 0.001*b.vrfRoutes {
			a.vrfRoutes = b.vrfRoutes
		}
		return a == b
	})
	if exact < 0 {
		m.doubtMemory(&c, &g)
	}
	for _, p := range m.parts {
		bytes := p.bytes(&c)
		if exact >= 0 {
			bytes = bytesOf(m.memories[exact].memory, p.key)
		}
		parts = append(parts, Bytes{p.key, p.name, bytes})
	}
	parts = append(parts, Bytes{"arena", "frames", c.workers * c.frames}, Bytes{"rings", "rings", c.workers * c.descriptors})
	for _, p := range parts {
		total += p.Bytes
	}
	return parts, total, g
}

// doubtMemory says how a question departs from what was measured of its method.
func (m *Model) doubtMemory(c *counted, g *Ground) {
	for _, axis := range []struct {
		name string
		of   func(*counted) float64
	}{
		{"global routes", func(c *counted) float64 { return c.routes }},
		{"VRFs", func(c *counted) float64 { return c.vrfs }},
		{"VRF routes", func(c *counted) float64 { return c.vrfRoutes }},
		{"imported routes", func(c *counted) float64 { return c.imported }},
	} {
		v, low, high := axis.of(c), math.Inf(1), 0.0
		for i := range m.memories {
			r := &m.memories[i]
			low, high = min(low, axis.of(&r.counted)), max(high, axis.of(&r.counted))
		}
		if v < low*0.999 || v > high*1.001 {
			g.lower(Extrapolated, "%s %s: measured are %s to %s", number(math.Round(v)), axis.name, number(low), number(high))
		}
	}
	if g.Basis != Extrapolated {
		g.lower(Interpolated, "between measured tables")
	}
}
