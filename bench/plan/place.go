package plan

import (
	"fmt"
	"math"

	"vrfwd/bench/sample"
)

// place is a point in the space that times are interpolated in: of a sample or of a question.
type place struct {
	method, keys, profile string        // profile: "" where the routes of a VRF are given as a number
	at                    [axes]float64 // as people count them
}

// The axes, in the order in which differences are added.
const (
	axisVRFs      = iota
	axisRoutes    // of the global table
	axisVRFRoutes // of each VRF on average
	axisImports   // into all VRFs together
	axisFallback  // percent
	axisSize      // mean, bytes
	axisChurn     // changes a second
	axes
)

// axisNames are as people say them.
var axisNames = [axes]string{"VRFs", "global routes", "routes of each VRF", "imported routes", "% fallback", "bytes a frame", "route changes a second"}

// along is a value's place on its axis, so that a difference of 1 is about as much as any other's: routes, VRFs and sizes count
// by factors of ten, the share of fallback by hundreds of percent.
func along(axis int, v float64) float64 {
	switch axis {
	case axisFallback:
		return v / 100
	case axisChurn:
		return math.Log10(1 + v/100)
	case axisImports:
		return math.Log10(1 + v)
	}
	return math.Log10(max(v, 1))
}

// same tells whether two places are one along an axis. VRFs of one profile are alike, whatever their average happens to be.
func same(axis int, a, b *place) bool {
	return a.at[axis] == b.at[axis] || axis == axisVRFRoutes && a.profile != "" && a.profile == b.profile
}

// placeOf is where a sample is.
func placeOf(p *sample.Point) place {
	mean, _ := MeanSize(p.Size)
	return place{p.Method, p.Keys, p.Profile, [axes]float64{axisVRFs: float64(p.VRFs), axisRoutes: float64(p.Routes),
		axisVRFRoutes: float64(p.VRFRoutes) / float64(max(p.VRFs, 1)), axisImports: float64(p.Imported),
		axisFallback: p.Fallback, axisSize: mean, axisChurn: float64(p.Churn)}}
}

// imported is what a method imports into each VRF.
func imported(method string, routes, imports int) float64 {
	switch method {
	case "import-map":
		return float64(min(imports, routes))
	case "full-copy":
		return float64(routes)
	}
	return 0
}

// place is where a question is, for a method.
func (w *Want) place(method string, vrfRoutes float64) place {
	mean, _ := MeanSize(w.Size)
	return place{method, w.Keys, w.Profile, [axes]float64{axisVRFs: float64(w.VRFs), axisRoutes: float64(w.Routes), axisVRFRoutes: vrfRoutes,
		axisImports: imported(method, w.Routes, w.Imports) * float64(w.VRFs), axisFallback: w.Fallback, axisSize: mean, axisChurn: float64(w.Churn)}}
}

// Basis says what stands behind a figure.
type Basis string

// Bases, in rising order of doubt.
const (
	Measured     Basis = "measured"
	Interpolated Basis = "interpolated"
	Extrapolated Basis = "extrapolated"
)

// Ground is a basis with its reasons.
type Ground struct {
	Basis  Basis    `json:"basis"`
	Why    []string `json:"why,omitempty"`    // all doubts
	Beyond []string `json:"beyond,omitempty"` // those of them that are extrapolation
}

// lower takes note of a doubt.
func (g *Ground) lower(to Basis, format string, args ...any) {
	if g.Basis == "" || g.Basis == Measured || to == Extrapolated {
		g.Basis = to
	}
	why := fmt.Sprintf(format, args...)
	if g.Why = append(g.Why, why); to == Extrapolated {
		g.Beyond = append(g.Beyond, why)
	}
}
