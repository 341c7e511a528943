package sample

import "fmt"

// Trial is one trial as it was: warm-up, run, stop, drain, counters. Sent = Received + Lost + Discarded.
type Trial struct {
	Offered  float64 `json:"offered"`  // pps wanted; 0: as many as the generator makes
	Burst    uint64  `json:"burst"`    // frames sent back to back instead; 0: a rate
	Seconds  float64 `json:"seconds"`  // between warm-up and stop
	Sent     uint64  `json:"sent"`     // frames that left the generator
	Received uint64  `json:"received"` // different frames that came out
	Lost     uint64  `json:"lost"`
	// Discarded did not come out, as it should be: destinations without a route.
	Discarded  uint64 `json:"discarded,omitempty"`
	Duplicated uint64 `json:"duplicated,omitempty"`
	Reordered  uint64 `json:"reordered,omitempty"` // part of Received
	Wrong      uint64 `json:"wrong,omitempty"`     // came out at a wrong place of their own VRF, or should not have
	Leaked     uint64 `json:"leaked,omitempty"`    // came out in another VRF
	Corrupt    uint64 `json:"corrupt,omitempty"`
	Miscounted uint64 `json:"miscounted,omitempty"` // interfaces whose counters are not what came out
	Unreturned uint64 `json:"unreturned,omitempty"` // frames whose memory did not come back
	// Missed fell due and were not sent in time: the generator's own shortfall, no loss of the device.
	Missed uint64  `json:"missed,omitempty"`
	Late   int64   `json:"late_ns,omitempty"` // the latest that a frame left after its time
	Rate   float64 `json:"rate"`              // pps that came out between warm-up and stop
	Bits   float64 `json:"bits,omitempty"`    // of the same on layer 1, bit/s
	NS     float64 `json:"ns_per_packet,omitempty"`
	Cycles float64 `json:"cycles_per_packet,omitempty"` // of the time-stamp counter, one worker
	// Longest is the longest that one batch of route changes took, where there was churn; Changes their number.
	Changes uint64 `json:"changes,omitempty"`
	Longest int64  `json:"longest_change_ns,omitempty"`
	// What the workers did with the frames, by reason: vrfwd/forwarder's.
	Drops map[string]uint64 `json:"drops,omitempty"`
	Punts map[string]uint64 `json:"punts,omitempty"`
}

// LossRatio is the share of the frames sent that were lost, 0 where none was sent. RFC 9971 4.5.3 counts frames that the
// generator did not send in time as lost too: see Shortfall.
func (t *Trial) LossRatio() float64 {
	if t.Sent == 0 {
		return 0
	}
	return float64(t.Lost) / float64(t.Sent)
}

// Shortfall is the share of the frames due that the generator did not send in time.
func (t *Trial) Shortfall() float64 {
	if t.Sent+t.Missed == 0 {
		return 0
	}
	return float64(t.Missed) / float64(t.Sent+t.Missed)
}

// Faults says what was wrong with the frames besides loss; nil: nothing.
func (t *Trial) Faults() (faults []string) {
	for _, f := range []struct {
		n    uint64
		what string
	}{
		{t.Duplicated, "duplicated"}, {t.Reordered, "reordered"}, {t.Wrong, "at a wrong egress"}, {t.Leaked, "leaked"}, {t.Corrupt, "corrupt"}, {t.Unreturned, "not given back"},
	} {
		if f.n > 0 {
			faults = append(faults, fmt.Sprintf("%d frames %s", f.n, f.what))
		}
	}
	if t.Miscounted > 0 {
		faults = append(faults, fmt.Sprintf("%d interfaces miscounted", t.Miscounted))
	}
	return faults
}

func (t *Trial) check() error {
	if t.Sent != t.Received+t.Lost+t.Discarded {
		return fmt.Errorf("%d frames sent, but %d received + %d lost + %d discarded", t.Sent, t.Received, t.Lost, t.Discarded)
	}
	return nil
}

// Step is one step of a loss curve.
type Step struct {
	Offered float64 `json:"offered"` // pps
	Percent float64 `json:"percent"` // of the highest rate
	Rate    float64 `json:"rate"`    // pps that came out, median of the step's trials
	Loss    Figure  `json:"loss"`    // share lost
}

// Latency is the distribution of latencies at one load, in nanoseconds.
type Latency struct {
	Share     float64 `json:"share"`  // percent of the NDR; 0: of no known one
	Rate      float64 `json:"rate"`   // pps offered
	Frames    uint64  `json:"frames"` // that were timed
	Lost      uint64  `json:"lost"`   // of the same trials
	Negative  uint64  `json:"negative,omitempty"`
	Min       int64   `json:"min_ns"`
	Mean      int64   `json:"mean_ns"`
	Max       int64   `json:"max_ns"`
	Corrected bool    `json:"corrected"` // from the time that a frame was due, not that it left: coordinated omission
	// Percentiles are those that the count allows: p needs ten frames beyond it, 100 / (100-p) * 10 in all.
	Percentiles []Percentile `json:"percentiles"`
	Histogram   string       `json:"histogram"` // HdrHistogram V2, compressed, base64: all of it
	Clock       ClockError   `json:"clock"`
}

// Percentile is a latency that so many percent of the frames did not exceed.
type Percentile struct {
	Percent float64 `json:"percent"`
	NS      int64   `json:"ns"`
}

func (l *Latency) check() error {
	for i := 1; i < len(l.Percentiles); i++ {
		if a, b := l.Percentiles[i-1], l.Percentiles[i]; a.Percent >= b.Percent || a.NS > b.NS {
			return fmt.Errorf("percentiles do not rise")
		}
	}
	return nil
}

// ClockError says how well times could be told, in nanoseconds: no latency is known better.
type ClockError struct {
	Read  int64  `json:"read_ns"`  // what reading the clock takes on average
	Step  int64  `json:"step_ns"`  // its smallest step
	Drift int64  `json:"drift_ns"` // by how much the wall clock ran away from the monotonic one during the run: set, or slewed
	Of    string `json:"received"` // whose time of reception was taken: the kernel's, or the sink's
}

// Memory is where the bytes are.
type Memory struct {
	GlobalFIB   int `json:"global_fib"`
	VRFFIB      int `json:"vrf_fib"`
	FIBWriter   int `json:"fib_writer"` // the FIBs' own records for updates
	RIB         int `json:"rib"`
	Adjacencies int `json:"adjacencies"`
	Ingress     int `json:"ingress"`
	Arena       int `json:"arena"` // frames, all workers
	Rings       int `json:"rings"`
}

// Part is one of Memory's parts by name.
type Part struct {
	Key, Name string
	Bytes     int
}

// Parts lists all parts, in the order that people read them.
func (m *Memory) Parts() []Part {
	return []Part{{"global-fib", "global FIB", m.GlobalFIB}, {"vrf-fibs", "VRF FIBs", m.VRFFIB},
		{"fib-writer", "FIB writers' records", m.FIBWriter}, {"adjacencies", "adjacencies", m.Adjacencies},
		{"ingress", "ingress records", m.Ingress}, {"rib", "RIB", m.RIB}, {"arena", "frames", m.Arena}, {"rings", "rings", m.Rings}}
}

// Stage is what one stage takes of a frame's time: the difference between the medians of two trials, so noise may make
// one negative.
type Stage struct {
	Stage  string  `json:"stage"`
	NS     float64 `json:"ns"`
	Cycles float64 `json:"cycles"` // of the time-stamp counter
}

// Build is how long it took to make what was measured, in nanoseconds.
type Build struct {
	Generate int64 `json:"generate_ns"` // reading or generating the tables
	Load     int64 `json:"load_ns"`     // RIBs, FIBs and adjacencies from nothing
	Model    int64 `json:"model_ns"`    // the slow model, for expectations
}

// Generator is what the tester itself could do.
type Generator struct {
	// SelfTest is the rate, pps, from generator to sink without a device between them, on the same threads; 0: not tested.
	// SelfTestLost is what was lost then, which can be no device's fault.
	SelfTest     float64 `json:"self_test,omitempty"`
	SelfTestLost uint64  `json:"self_test_lost,omitempty"`
	Missed       uint64  `json:"missed"`    // of all trials: frames that fell due and were not sent in time
	Shortfall    float64 `json:"shortfall"` // the worst trial's share of them
	Late         int64   `json:"late_ns"`   // the latest that a frame left after its time, of all trials
}

// Account adds a trial.
func (g *Generator) Account(t *Trial) {
	g.Missed += t.Missed
	g.Shortfall = max(g.Shortfall, t.Shortfall())
	g.Late = max(g.Late, t.Late)
}

// Conditions are what a figure depends on besides the code.
type Conditions struct {
	CPU         string `json:"cpu"`
	CPUs        int    `json:"cpus"` // that this process may use
	Flags       string `json:"flags"`
	L2          int    `json:"l2"` // bytes, as CPUID says
	L3          int    `json:"l3"`
	TSC         Clock  `json:"tsc"`
	Kernel      string `json:"kernel"`
	Mitigations string `json:"mitigations"`
	HugePages   string `json:"huge_pages"` // transparent huge pages: always, madvise or never
	Load        string `json:"load"`       // the machine's load averages when the process began: 1, 5, 15 minutes
	Go          string `json:"go"`
	GOOS        string `json:"goos"`
	GOARCH      string `json:"goarch"`
	GOAMD64     string `json:"goamd64"`
	GOMAXPROCS  int    `json:"gomaxprocs"`
	Commit      string `json:"commit"` // ends in +modified where there were changes that were not committed
}

// Machine is what runs must have in common for their figures to compare.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	GOARCH string `json:"goarch"`
}

// Machine is what it was measured on.
func (c *Conditions) Machine() Machine { return Machine{c.CPU, c.CPUs, c.GOARCH} }

// String gives "CPU, 16 CPUs, amd64".
func (m Machine) String() string { return fmt.Sprintf("%s, %d CPUs, %s", m.CPU, m.CPUs, m.GOARCH) }

// Clock is the frequency by which times become cycles.
type Clock struct {
	GHz float64 `json:"ghz"`
	How string  `json:"how"` // it was found
}
