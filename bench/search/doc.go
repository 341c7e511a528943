// Package search finds what a device can do, by trials: RFC 2544's throughput, loss curve and latency, RFC 9004's
// back-to-back burst, RFC 9971's multiple loss ratios, a maximum receive rate, and a soak. Each search takes a trial.Device and
// returns a sample with its figures, intervals and raw trials; what the sample is of (Point, Conditions, Command) the
// caller fills in.
//
// # What counts as lost
//
// Loads are intended loads. Frames that fell due and that the generator did not send in time count as not forwarded, as RFC
// 9971's Trial Loss Ratio has it, so that a tester that is too slow never makes a device look fast; but a share of up to
// Forgiven is let pass, as a thread that lost its CPU for some microseconds says nothing of the device. What the generator
// missed stands beside each result, and so does a self-test from generator to sink.
//
// Frames that are duplicated, reordered, corrupt or at a wrong place end no search: they are faults of its sample.
//
// # Which clauses are followed
//
// RFC 2544 23 (trial): (a), (b) as warm-up with the test's own frames; (c); (d) in flight frames are awaited until none has
// come for a while, not for two seconds; (e) there is no pause between trials.
// RFC 2544 24: 60 s are asked for, 1 s is the default.
// RFC 2544 26.1 (throughput): by bisection of the rate, from the highest down; a loss is verified, as ETSI GS NFV-TST 009
// 12.3.2 allows.
// RFC 2544 26.2 (latency): at shares of the throughput instead of at it, as a queue that is full measures only itself; all
// frames are timed instead of one after 60 s; store-and-forward and cut-through are not told apart: it is from when the
// frame was due to its reception.
// RFC 2544 26.3 (frame loss rate): from the highest rate down in steps of 10 %, until two in a row without loss.
// RFC 2544 26.4 (back-to-back) as RFC 9004 6 replaces it: bisection of the burst length (6.2), repeated (6.3: 50 times are
// asked for), average, lowest and highest of the repetitions, implied and corrected buffer time (6.4). The search does not verify
// losses a second time.
// RFC 9971: Search Goals with Goal Loss Ratio, Goal Exceed Ratio, Goal Duration Sum, Goal Final Trial Duration and Goal Width;
// classification of a load as upper bound, lower bound or undecided by the Load Classification Logic; relevant lower and
// upper bounds, and Conditional Throughput, as the regular results; an irregular result is a fault. All trials have the final
// duration, so that what is said of shorter ones never applies. How loads are chosen is left to the implementation there:
// here it is bisection, thrice, with a growing duration sum and a shrinking width, and all trials of a load count at each.
package search
