package bench

import "vrfwd/gen"

// Reference is the grid that plans and reports are made of, on a machine with so many CPUs: from the main job, a full table and
// 1,000 VRFs, along one axis at a time, and points between, held back. These are measured soon after those they lie between: a
// machine whose caches others use too is another one after some minutes. Long adds points along each axis.
func Reference(cpus int, long bool) []Case {
	var all []Case
	add := func(n Network, loads ...Case) {
		for _, c := range loads {
			c.Network = n
			all = append(all, c)
		}
	}
	n, l := Defaults()
	l.Pin = true
	load := func(change func(l *Load)) Case {
		c := Case{Load: l}
		change(&c.Load)
		return c
	}
	network := func(m Method, vrfs, routes int) Network {
		n := n
		n.Method, n.VRFs, n.Routes = m, vrfs, routes
		return n
	}
	plain := Case{Load: l}
	held := func(n Network, change func(l *Load)) {
		c := load(change)
		c.HeldBack = true
		add(n, c)
	}

	// The main job: shares, sizes, keys, workers, churn.
	staged := plain
	staged.Stages = true
	main := []Case{staged}
	for _, share := range []float64{0, 0.25, 0.5, 0.75} {
		main = append(main, load(func(l *Load) { l.Fallback = share }))
	}
	sizes := []int{128, 256, 512, 1024, 1280, 1518}
	for _, size := range sizes {
		main = append(main, load(func(l *Load) { l.Sizes = gen.FixedSize(size) }))
	}
	main = append(main, load(func(l *Load) { l.Sizes = gen.IMIX() }))
	for _, k := range []Keys{Uniform, Zipf} {
		main = append(main, load(func(l *Load) { l.Keys = k }))
	}
	for w := 2; w <= cpus; w = grow(w, cpus, long) {
		main = append(main, load(func(l *Load) { l.Workers = w }))
	}
	if cpus > 1 {
		for w := 1; w < cpus; w = grow(w, cpus-1, long) {
			main = append(main, load(func(l *Load) { l.Ports, l.Workers, l.Check = Rings, w, Signed }))
		}
		// Changes come from a thread of their own: only where it has a CPU.
		churns := []int{500, 2000, 8000}
		if long {
			churns = append(churns, 1000, 4000, 16000, 32000)
		}
		for _, churn := range churns {
			c := plain
			c.Churn = churn
			main = append(main, c)
		}
	}
	add(n, main...)

	vrfs, routes := []int{1, 10, 100, 4000}, []int{1000, 10_000, 100_000, 500_000}
	if long {
		vrfs, routes = append(vrfs, 30, 300, 2000, 8000), append(routes, 30_000, 300_000, 750_000, 2_000_000)
	}
	half := load(func(l *Load) { l.Fallback = 0.5 })
	none := load(func(l *Load) { l.Fallback = 0 })
	for _, v := range vrfs {
		add(network(Fallback, v, n.Routes), plain, none)
	}
	held(network(Fallback, 2000, 1_000_000), func(l *Load) { l.Fallback, l.Sizes = 0.9, gen.FixedSize(700) })
	for _, r := range routes {
		add(network(Fallback, n.VRFs, r), plain)
	}
	held(network(Fallback, 300, 250_000), func(l *Load) { l.Fallback, l.Sizes = 0.6, gen.IMIX() })
	held(network(Fallback, 1000, 700_000), func(l *Load) { l.Fallback = 0.4 })
	held(network(Fallback, 50, 50_000), func(l *Load) { l.Keys = Zipf })
	if cpus > 1 {
		held(network(Fallback, 200, 500_000), func(l *Load) { l.Fallback, l.Workers = 0.5, 2 })
	}
	for _, p := range []gen.Profile{gen.Tiny, gen.Lab} {
		n := n
		n.Profile = p
		add(n, plain, none)
	}

	// The other methods: at the main job's point, and at a smaller one.
	for _, m := range []Method{TwoCircuits, DefaultShare, ImportMap} {
		add(network(m, n.VRFs, n.Routes), staged, half, none)
		add(network(m, 100, 100_000), plain)
		switch m {
		case TwoCircuits:
			held(network(m, 500, 1_000_000), func(l *Load) { l.Fallback = 0.8 })
		case DefaultShare:
			held(network(m, 300, 300_000), func(l *Load) { l.Sizes = gen.FixedSize(256) })
		}
	}
	for _, imports := range []int{100, 5000} {
		n := network(ImportMap, n.VRFs, n.Routes)
		n.Imports = imports
		add(n, plain)
	}
	some := network(ImportMap, 500, 500_000)
	some.Imports = 2000
	held(some, func(l *Load) { l.Fallback = 0.7 })

	// A full copy into 1,000 VRFs fits in no memory: small numbers of VRFs, or small tables.
	copies := [][2]int{{1, 1_000_000}, {4, 1_000_000}, {10, 100_000}, {100, 10_000}}
	if long {
		copies = append(copies, [2]int{8, 1_000_000}, [2]int{1000, 10_000})
	}
	for _, c := range copies {
		point := plain
		point.Stages = c == copies[1]
		add(network(FullCopy, c[0], c[1]), point)
		switch c {
		case copies[1]:
			held(network(FullCopy, 3, 400_000), func(*Load) {})
		case copies[2]:
			held(network(FullCopy, 20, 50_000), func(*Load) {})
		}
	}
	return all
}

// grow goes from one number of workers to the next: doubled, or one more, up to the last.
func grow(w, last int, long bool) int {
	switch {
	case w >= last:
		return last + 1
	case long || w < 4:
		return w + 1
	}
	return min(2*w, last)
}
