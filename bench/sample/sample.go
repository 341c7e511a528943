package sample

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format is the version that this package writes and reads.
const Format = 1

// Kind says what was measured: see the package's table.
type Kind string

// Kinds.
const (
	OfTrial    Kind = "trial"
	MRR        Kind = "mrr"
	Throughput Kind = "throughput"
	NDR        Kind = "ndr"
	Loss       Kind = "loss"
	OfLatency  Kind = "latency"
	BackToBack Kind = "back-to-back"
	Soak       Kind = "soak"
	OfMemory   Kind = "memory"
	OfStages   Kind = "stages"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{OfTrial, MRR, Throughput, NDR, Loss, OfLatency, BackToBack, Soak, OfMemory, OfStages}
}

// Names of figures: see the package's table.
const (
	FigRate          = "rate"
	FigBits          = "bits"
	FigTime          = "time"
	FigCycles        = "cycles"
	FigLoss          = "loss"
	FigThroughput    = "throughput"
	FigNDR           = "ndr"
	FigPDR           = "pdr"
	FigNDRBits       = "ndr-bits"
	FigPDRBits       = "pdr-bits"
	FigLossFree      = "loss-free"
	FigBurst         = "burst"
	FigBufferTime    = "buffer-time"
	FigCorrected     = "corrected-buffer-time"
	FigBytesPerRoute = "bytes-per-route"
	FigBytesPerVRF   = "bytes-per-vrf"
	// FigReference is the time (ns/pkt) of the run's main job, by trials that take turns with those of the sample: its Raw stands
	// beside the time's. A machine that is slowed down by its neighbours slows both, and their ratio holds.
	FigReference = "reference"
)

// SettingRole is the setting by which samples are known that models are not fitted to but judged by, whose role is HeldBack.
const (
	SettingRole = "role"
	HeldBack    = "held-back"
)

// Sample is one measured point. It is a value: readers may copy it, and share the slices as long as nobody writes.
type Sample struct {
	Format int       `json:"format"`
	Kind   Kind      `json:"kind"`
	Time   time.Time `json:"time"`          // when the measurement ended, UTC
	Run    string    `json:"run,omitempty"` // names the run that several samples belong to: a sweep, a report

	Point    Point             `json:"point"`
	Settings map[string]string `json:"settings,omitempty"` // the search's own parameters: "trial" "1s", "loss-ratio" "0.005"

	OK     bool     `json:"ok"`               // false: the figures are there, but Faults say why not to trust them
	Faults []string `json:"faults,omitempty"` // misrouted, leaked, duplicated, reordered frames; a search that did not converge
	Notes  []string `json:"notes,omitempty"`  // what a reader should know, shown beside the figures

	Figures []Figure  `json:"figures,omitempty"`
	Trials  []Trial   `json:"trials,omitempty"` // raw, in the order they were run
	Curve   []Step    `json:"curve,omitempty"`
	Latency []Latency `json:"latency,omitempty"`
	Memory  *Memory   `json:"memory,omitempty"`
	Stages  []Stage   `json:"stages,omitempty"`
	Build   *Build    `json:"build,omitempty"`

	Generator  Generator  `json:"generator"`
	Conditions Conditions `json:"conditions"`
	Command    string     `json:"command"` // redoes this point, as a shell takes it
}

// Point is what a sample is of: the axes that sweeps go along and plans interpolate between. Zero values of fields with
// omitempty mean that the parameter has no meaning here or is not known, live ports' routes for instance.
type Point struct {
	Ports     string  `json:"ports"`                // samecore, rings (both in memory: see vrfwd/bench), live (AF_PACKET) or double
	Target    string  `json:"target,omitempty"`     // live: the interfaces, "veth0 > veth1"
	Table     string  `json:"table,omitempty"`      // synthetic, real or a file
	Routes    int     `json:"routes,omitempty"`     // of the parent's table
	NextHops  int     `json:"next_hops,omitempty"`  //
	Locality  string  `json:"locality,omitempty"`   // how next hops lie over the table: clustered, hashed
	VRFs      int     `json:"vrfs,omitempty"`       //
	Profile   string  `json:"profile,omitempty"`    // routes of each VRF: typical, lab, tiny
	VRFRoutes int     `json:"vrf_routes,omitempty"` // of all VRFs together, imported ones not among them
	Imported  int     `json:"imported,omitempty"`   // routes imported into all VRFs together
	Imports   int     `json:"imports,omitempty"`    // routes that import-map imports into each VRF
	Uplinks   int     `json:"uplinks,omitempty"`    //
	Method    string  `json:"method,omitempty"`     // VPN to Internet; none where all traffic comes from the Internet
	Return    string  `json:"return,omitempty"`     // Internet to VPN
	Fallback  float64 `json:"fallback"`             // percent of the VPNs' frames that go to the Internet, by whatever method
	Inbound   float64 `json:"inbound"`              // percent of all frames that come from the Internet
	Keys      string  `json:"keys,omitempty"`       // destinations: routed, uniform, covered, zipf
	Size      string  `json:"size"`                 // frame size with FCS, "64", or a mix, "64:7,594:4,1518:1"
	Flows     int     `json:"flows,omitempty"`      // of all workers
	Workers   int     `json:"workers,omitempty"`    //
	Burst     int     `json:"burst,omitempty"`      // frames handled together
	Frames    int     `json:"frames,omitempty"`     // in flight at most, each worker: the device's buffer
	Churn     int     `json:"churn"`                // route changes a second
	Check     string  `json:"check,omitempty"`      // what the sink looks at: count, signed, verify
	Pinned    bool    `json:"pinned"`               // threads to CPUs
	Seed      uint64  `json:"seed"`                 // of tables and traffic
	TableHash string  `json:"table_hash,omitempty"` // of the parent's routes
	VRFHash   string  `json:"vrf_hash,omitempty"`   // of the VRFs' routes
}

// key gives everything as JSON, without what only comes out when the point is built.
func (p Point) key() string {
	p.TableHash, p.VRFHash, p.VRFRoutes, p.Imported = "", "", 0, 0
	b, err := json.Marshal(p)
	if err != nil { // only NaN has no JSON
		panic(err)
	}
	return string(b)
}

// Key names what was measured: kind, point and settings. Two samples with the same key are repetitions.
func (s *Sample) Key() string {
	b, _ := json.Marshal(s.Settings)
	return string(s.Kind) + " " + s.Point.key() + " " + string(b)
}

// Figure returns the figure of a name; false where it was not measured.
func (s *Sample) Figure(name string) (Figure, bool) {
	i := slices.IndexFunc(s.Figures, func(f Figure) bool { return f.Name == name })
	if i < 0 {
		return Figure{}, false
	}
	return s.Figures[i], true
}

// Add adds a figure; one of the same name is replaced.
func (s *Sample) Add(f Figure) {
	if i := slices.IndexFunc(s.Figures, func(g Figure) bool { return g.Name == f.Name }); i >= 0 {
		s.Figures[i] = f
		return
	}
	s.Figures = append(s.Figures, f)
}

// check refuses what cannot be a sample. at names the field.
func (s *Sample) check() error {
	switch {
	case s.Format != Format:
		return fmt.Errorf("format %d: %d is what this version reads", s.Format, Format)
	case !slices.Contains(Kinds(), s.Kind):
		return fmt.Errorf("kind %q: %v are known", s.Kind, Kinds())
	case s.Time.IsZero():
		return fmt.Errorf("time is missing: when the measurement ended, as RFC 3339 has it")
	case s.Point.Ports == "" || s.Point.Size == "":
		return fmt.Errorf("point: ports and size are missing: a sample says what it is of")
	case s.Conditions.Go == "":
		return fmt.Errorf("conditions are missing: go at least")
	case strings.ContainsAny(s.Command, "\r\n"):
		return fmt.Errorf("command: one line is possible")
	}
	seen := map[string]bool{}
	for _, f := range s.Figures {
		switch {
		case f.Name == "" || f.Unit == "":
			return fmt.Errorf("figure %q: name and unit are needed", f.Name)
		case seen[f.Name]:
			return fmt.Errorf("figure %q for the second time", f.Name)
		case !(f.Low <= f.Value && f.Value <= f.High):
			return fmt.Errorf("figure %q: %g is not in its interval %g to %g", f.Name, f.Value, f.Low, f.High)
		}
		seen[f.Name] = true
	}
	for i := range s.Trials {
		if err := s.Trials[i].check(); err != nil {
			return fmt.Errorf("trial %d: %w", i+1, err)
		}
	}
	for i := range s.Latency {
		if err := s.Latency[i].check(); err != nil {
			return fmt.Errorf("latency %d: %w", i+1, err)
		}
	}
	return nil
}
