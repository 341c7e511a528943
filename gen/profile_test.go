package gen

import (
	"slices"
	"testing"

	"vrfwd/lpm"
)

func mustVRFs(t testing.TB, c ProfileConfig) [][]lpm.Route {
	t.Helper()
	vrfs, err := VRFs(c)
	if err != nil {
		t.Fatal(err)
	}
	return vrfs
}

// checkTable asserts what every table here promises: canonical prefixes, sorted, each once, hops 1..hops.
func checkTable(t testing.TB, routes []lpm.Route, hops int) {
	t.Helper()
	for i, r := range routes {
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		if r.Hop < 1 || int(r.Hop) > hops {
			t.Fatalf("%v: hop outside 1..%d", r, hops)
		}
		if i > 0 && compare(routes[i-1], r) >= 0 {
			t.Fatalf("%v before %v: not sorted or not unique", routes[i-1], r)
		}
	}
}

// within asserts low <= got <= high.
func within(t testing.TB, what string, got, low, high float64) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s is %.4g, want %.4g to %.4g", what, got, low, high)
	}
}

func TestVRFProfiles(t *testing.T) {
	for _, c := range []struct {
		profile             Profile
		vrfs                int
		least, median, most [2]float64
	}{
		{Typical, 4000, [2]float64{1, 1}, [2]float64{17, 23}, [2]float64{20_000, 20_000}},
		{Lab, 100, [2]float64{800, 800}, [2]float64{800, 800}, [2]float64{800, 800}},
		{Tiny, 4000, [2]float64{5, 5}, [2]float64{7, 8}, [2]float64{10, 10}},
	} {
		t.Run(c.profile.String(), func(t *testing.T) {
			vrfs := mustVRFs(t, ProfileConfig{Profile: c.profile, VRFs: c.vrfs, Seed: 1, Sites: 3})
			var sizes []int
			var routes, public, long, h24, h32, mid float64
			for _, v := range vrfs {
				checkTable(t, v, 3)
				sizes = append(sizes, len(v))
				for _, r := range v {
					routes++
					switch {
					case routable(r):
						public++
					case !private(r):
						t.Fatalf("%v is neither public nor private", r)
					}
					switch {
					case r.Len == 24:
						h24++
					case r.Len == 32:
						h32++
					case r.Len >= 25 && r.Len <= 30:
						long++
					case r.Len >= 16 && r.Len <= 23:
						mid++
					default:
						t.Fatalf("%v: length outside the profile", r)
					}
				}
			}
			slices.Sort(sizes)
			within(t, "smallest VRF", float64(sizes[0]), c.least[0], c.least[1])
			within(t, "median VRF", float64(sizes[len(sizes)/2]), c.median[0], c.median[1])
			within(t, "largest VRF", float64(sizes[len(sizes)-1]), c.most[0], c.most[1])
			within(t, "public share", public/routes, 0.05, 0.10)
			within(t, "share of /24", h24/routes, 0.43, 0.47)
			within(t, "share of /25../30", long/routes, 0.18, 0.22)
			within(t, "share of /32", h32/routes, 0.13, 0.17)
			within(t, "share of /16../23", mid/routes, 0.18, 0.22)
		})
	}
}

// TestVRFsOverlap: customers use the same private space without regard to each other.
func TestVRFsOverlap(t *testing.T) {
	vrfs := mustVRFs(t, ProfileConfig{Profile: Lab, VRFs: 50, Seed: 2})
	users := map[lpm.Route]int{}
	privates, shared := 0., 0.
	for _, v := range vrfs {
		for _, r := range v {
			users[lpm.Route{Addr: r.Addr, Len: r.Len}]++
		}
	}
	overlapping := func(a, b []lpm.Route) (n float64) {
		other := newSpace(b)
		for _, r := range a {
			if private(r) && (other.holds(r.Addr) || other.holds(last(r))) {
				n++
			}
		}
		return n
	}
	inNext := 0.
	for i, v := range vrfs {
		for _, r := range v {
			if private(r) {
				privates++
				if users[lpm.Route{Addr: r.Addr, Len: r.Len}] > 1 {
					shared++
				}
			} else if n := users[lpm.Route{Addr: r.Addr, Len: r.Len}]; n > 2 {
				t.Errorf("%d VRFs have the public prefix %v", n, r)
			}
		}
		inNext += overlapping(v, vrfs[(i+1)%len(vrfs)])
	}
	within(t, "share of private prefixes that another VRF has too", shared/privates, 0.3, 0.95)
	within(t, "share of private prefixes inside the next VRF's space", inNext/privates, 0.1, 0.9)
}

// TestVRFsCluster: a VRF's subnets lie in few /20s, not all over RFC 1918 space.
func TestVRFsCluster(t *testing.T) {
	for _, v := range mustVRFs(t, ProfileConfig{Profile: Lab, VRFs: 20, Seed: 3}) {
		blocks, n := map[uint32]bool{}, 0
		for _, r := range v {
			if private(r) && r.Len >= 24 {
				blocks[r.Addr>>12] = true
				n++
			}
		}
		within(t, "private subnets in a /20", float64(n)/float64(len(blocks)), 3, 12)
	}
}

func TestVRFsArePrefixStable(t *testing.T) {
	c := ProfileConfig{Profile: Typical, VRFs: 5, Seed: 9, Sites: 4, Public: mustSynthetic(t, TableConfig{Routes: 1000})}
	few := mustVRFs(t, c)
	c.VRFs = 20
	many := mustVRFs(t, c)
	for i := range few {
		if !slices.Equal(few[i], many[i]) {
			t.Errorf("VRF %d depends on how many there are", i)
		}
	}
	c.Seed++
	if slices.Equal(mustVRFs(t, c)[0], few[0]) {
		t.Error("different seeds, same VRF")
	}
}

// TestVRFsPublic: public prefixes lie in the given table, as long as it lasts.
func TestVRFsPublic(t *testing.T) {
	table := mustSynthetic(t, TableConfig{Routes: 10_000, Seed: 4})
	covered := newSpace(table)
	in, out := 0., 0.
	for _, v := range mustVRFs(t, ProfileConfig{Profile: Lab, VRFs: 20, Seed: 4, Public: table}) {
		for _, r := range v {
			switch {
			case private(r):
			case covered.holds(r.Addr) || covered.holds(last(r)):
				in++
			default:
				out++
			}
		}
	}
	within(t, "share of public prefixes in the table", in/(in+out), 0.98, 1)

	for _, small := range [][]lpm.Route{{{Addr: 1 << 24, Len: 32}}, {{Addr: 10 << 24, Len: 8}}} {
		for _, v := range mustVRFs(t, ProfileConfig{Profile: Lab, VRFs: 2, Public: small}) {
			if checkTable(t, v, 1); len(v) != 800 {
				t.Errorf("%d routes with the public table %v", len(v), small)
			}
		}
	}
}

func TestVRFsRefuse(t *testing.T) {
	for _, c := range []ProfileConfig{
		{VRFs: 0}, {VRFs: MaxVRFs + 1}, {VRFs: 1, Profile: 9}, {VRFs: 1, Sites: -1}, {VRFs: 1, Sites: 1 << 16},
	} {
		if vrfs, err := VRFs(c); err == nil || vrfs != nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// TestNames: what String gives, Parse takes.
func TestNames(t *testing.T) {
	for i := range uint8(5) {
		p, errP := ParseProfile(Profile(i).String())
		l, errL := ParseLocality(Locality(i).String())
		k, errK := ParseKeys(Keys(i).String())
		if (errP == nil) != (i < 3) || (errL == nil) != (i < 2) || (errK == nil) != (i < 4) {
			t.Errorf("%d: %v, %v, %v", i, errP, errL, errK)
		}
		if errP == nil && p != Profile(i) || errL == nil && l != Locality(i) || errK == nil && k != Keys(i) {
			t.Errorf("%d comes back as %v, %v, %v", i, p, l, k)
		}
	}
	if s := (Reordered | Leak).String(); s != "reordered, leak" {
		t.Error(s)
	}
	if s := Verdict(0).String(); s != "ok" {
		t.Error(s)
	}
	if Inbound.String() != "inbound" || Class(7).String() != "Class(7)" {
		t.Error(Inbound, Class(7))
	}
}

func BenchmarkVRFs(b *testing.B) {
	routes := 0
	for b.Loop() {
		for _, v := range mustVRFs(b, ProfileConfig{Profile: Typical, VRFs: 1000, Seed: 1}) {
			routes += len(v)
		}
	}
	b.ReportMetric(float64(routes)/float64(b.N), "routes")
}
