package plan

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// All is the Want.Method that stands for each of Methods.
const All = "all"

// Methods lists those that lead from a VPN to the Internet, the one that the engine exists for first.
func Methods() []string {
	return []string{"fallback", "two-circuits", "default-share", "import-map", "full-copy"}
}

// profiles are the routes that a VRF of each has on average: see vrfwd/gen. Where samples with many VRFs of the profile were
// measured, what they say of themselves is taken instead.
var profiles = map[string]float64{"typical": 280, "lab": 800, "tiny": 7.5}

// Want is what is to be built: Defaults with what differs. Check says what is possible.
type Want struct {
	VRFs      int     `yaml:"vrfs" json:"vrfs"`
	Profile   string  `yaml:"profile" json:"profile,omitempty"`       // routes of each VRF: typical, lab or tiny
	VRFRoutes float64 `yaml:"vrf-routes" json:"vrf_routes,omitempty"` // or their number on average, instead
	Routes    int     `yaml:"routes" json:"routes"`                   // of the global table
	Imports   int     `yaml:"imports" json:"imports"`                 // into each VRF, by import-map
	Gbit      float64 `yaml:"gbit" json:"gbit,omitempty"`             // offered, Gbit/s on layer 1
	PPS       float64 `yaml:"pps" json:"pps,omitempty"`               // or packets a second, instead
	Size      string  `yaml:"size" json:"size"`                       // frame size with FCS, "64", or a mix, "64:7,594:4,1518:1"
	Fallback  float64 `yaml:"fallback" json:"fallback"`               // percent of the VPNs' packets that go to the Internet
	Keys      string  `yaml:"keys" json:"keys"`                       // destinations: routed, uniform, covered or zipf
	Churn     int     `yaml:"churn" json:"churn"`                     // route changes a second
	Headroom  float64 `yaml:"headroom" json:"headroom"`               // percent of the rate that is to stay free
	Loss      float64 `yaml:"loss" json:"loss"`                       // percent of packets that may be lost
	Method    string  `yaml:"method" json:"method"`                   // or all
	Ports     string  `yaml:"ports" json:"ports"`                     // of the samples: samecore or rings
	CPU       string  `yaml:"cpu" json:"cpu,omitempty"`               // part of the name of the samples' machine; "": of the newest's
	PortGbit  float64 `yaml:"port-gbit" json:"port_gbit,omitempty"`   // what all ports together carry; 0: not considered
	// Extrapolate allows answers beyond what was measured.
	Extrapolate bool `yaml:"extrapolate" json:"extrapolate"`
}

// Defaults are `fwd plan`'s.
func Defaults() Want {
	return Want{VRFs: 1000, Profile: "typical", Routes: 1_000_000, Imports: 1000, Gbit: 10, Size: "64:7,594:4,1518:1", Fallback: 100,
		Keys: "routed", Headroom: 30, Method: All, Ports: "samecore"}
}

// WantError says which wish cannot be and what is possible.
type WantError struct {
	Field  string // as a flag and in YAML
	Value  any
	Reason string
}

// Error gives "field value: reason".
func (e *WantError) Error() string { return fmt.Sprintf("%s %v: %s", e.Field, e.Value, e.Reason) }

// ReadWant reads YAML over the defaults. name stands for the source in errors, which name line and column.
func ReadWant(name string, r io.Reader) (Want, error) {
	w := Defaults()
	text, err := io.ReadAll(r)
	if err != nil {
		return w, fmt.Errorf("%s: %w", name, err)
	}
	// pps and vrf-routes stand instead of a default.
	var given map[string]any
	if err := yaml.Unmarshal(text, &given); err == nil {
		_, gbit := given["gbit"]
		if _, pps := given["pps"]; pps && !gbit {
			w.Gbit = 0
		}
		_, profile := given["profile"]
		if _, routes := given["vrf-routes"]; routes && !profile {
			w.Profile = ""
		}
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&w); err != nil && err != io.EOF {
		return w, fmt.Errorf("%s: %s", name, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	return w, w.Check()
}

// Check refuses what cannot be: *WantError.
func (w *Want) Check() error {
	bad := func(field string, value any, reason string) error { return &WantError{field, value, reason} }
	_, known := profiles[w.Profile]
	switch {
	case w.VRFs < 1 || w.VRFs > 1_000_000:
		return bad("vrfs", w.VRFs, "1 to 1,000,000 are possible")
	case w.Profile != "" && w.VRFRoutes != 0:
		return bad("vrf-routes", w.VRFRoutes, "a profile says so already: only one of them")
	case w.Profile != "" && !known:
		return bad("profile", w.Profile, "typical, lab and tiny are known")
	case w.Profile == "" && !(w.VRFRoutes >= 1 && w.VRFRoutes <= 1e6):
		return bad("vrf-routes", w.VRFRoutes, "1 to 1,000,000 are possible")
	case w.Routes < 1 || w.Routes > 100_000_000:
		return bad("routes", w.Routes, "1 to 100,000,000 are possible")
	case w.Imports < 0 || w.Imports > w.Routes:
		return bad("imports", w.Imports, "0 to the number of global routes are possible")
	case w.Gbit != 0 && w.PPS != 0:
		return bad("pps", w.PPS, "gbit says so already: only one of them")
	case !(w.Gbit > 0 && w.Gbit <= 1e6) && w.PPS == 0:
		return bad("gbit", w.Gbit, "more than 0, or pps instead")
	case w.Gbit == 0 && !(w.PPS > 0 && w.PPS <= 1e12):
		return bad("pps", w.PPS, "more than 0, or gbit instead")
	case !(w.Fallback >= 0 && w.Fallback <= 100):
		return bad("fallback", w.Fallback, "0 to 100 percent are possible")
	case !slices.Contains([]string{"routed", "uniform", "covered", "zipf"}, w.Keys):
		return bad("keys", w.Keys, "routed, uniform, covered and zipf are known")
	case w.Churn < 0 || w.Churn > 1_000_000:
		return bad("churn", w.Churn, "0 to 1,000,000 changes a second are possible")
	case !(w.Headroom >= 0 && w.Headroom < 100):
		return bad("headroom", w.Headroom, "0 to 99 percent are possible")
	case !(w.Loss >= 0 && w.Loss < 100):
		return bad("loss", w.Loss, "0 to 99 percent are possible")
	case w.Method != All && !slices.Contains(Methods(), w.Method):
		return bad("method", w.Method, strings.Join(Methods(), ", ")+" and all are known")
	case !slices.Contains([]string{"samecore", "rings"}, w.Ports):
		return bad("ports", w.Ports, "samecore and rings are known")
	case !(w.PortGbit >= 0):
		return bad("port-gbit", w.PortGbit, "0 or more")
	}
	if _, err := MeanSize(w.Size); err != nil {
		return bad("size", w.Size, err.Error())
	}
	return nil
}

// methods lists what is asked for.
func (w *Want) methods() []string {
	if w.Method == All {
		return Methods()
	}
	return []string{w.Method}
}

// wire is what a frame takes on layer 1 besides itself: preamble and start delimiter 8, gap 12 (IEEE 802.3).
const wire = 20

// offered is the packets a second that are to be forwarded.
func (w *Want) offered() float64 {
	if w.PPS > 0 {
		return w.PPS
	}
	mean, _ := MeanSize(w.Size)
	return w.Gbit * 1e9 / 8 / (mean + wire)
}

// MeanSize is the mean frame size of a mix, "64" or "64:7,594:4,1518:1", in bytes with FCS.
func MeanSize(mix string) (float64, error) {
	sum, weights := 0.0, 0.0
	for part := range strings.SplitSeq(mix, ",") {
		size, weight, ok := strings.Cut(strings.TrimSpace(part), ":")
		bytes, err := strconv.Atoi(size)
		share := 1
		if err == nil && ok {
			share, err = strconv.Atoi(weight)
		}
		if err != nil || bytes < 64 || bytes > 65535 || share < 1 {
			return 0, fmt.Errorf("a frame size such as 64, or a mix such as 64:7,594:4,1518:1 is needed, each from 64 bytes on")
		}
		sum, weights = sum+float64(bytes*share), weights+float64(share)
	}
	return sum / weights, nil
}
