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
