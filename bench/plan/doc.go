// Package plan answers what a provider edge needs, from measured samples: how many cores, how much memory and of what, which
// rate is to be expected and what limits it, for each method of Internet access.
//
//	samples of a machine --Fit--> Model --Answer(Want)--> Answer
//	                                |
//	                                +--HeldBack--> how far the model is off at points that it was not fitted to
//
// # Time
//
// A packet's time is that of the measured point of the same method that is nearest (the anchor), plus a difference for each
// parameter in which the question departs from it, along a measured line: points that are alike in all else. A line through a
// point near the anchor is preferred, and one of another method taken where there is none, which the answer says. Between two points of
// a line it is straight, over the logarithm of routes, VRFs, sizes and imports, and over the share of fallback itself.
// Differences, not factors: what is added is a cache miss or a second lookup, whatever else the packet costs.
//
// # Cores
//
// With n workers the rate is that of one, times n / (1 + σ(n-1) + κn(n-1)): the Universal Scalability Law (Gunther, "A General
// Theory of Computational Scalability Based on Rational Functions", 2008), fitted by least squares to the measured numbers of
// workers, σ and κ not negative. With two numbers measured there is no telling κ from σ, and κ is left out.
//
// # Memory
//
// Each part (global FIB, VRF FIBs, RIB, ...) is a sum of terms, each a number of bytes for each of something that is counted
// (routes, VRFs, imported routes, ...), fitted by least squares of relative errors, no term negative.
//
// # Measured, interpolated, extrapolated
//
// Each figure says which it is. Extrapolated is what departs from what was measured in any parameter that matters to it; such
// figures are refused unless they are asked for. A full copy of a full table into 1,000 VRFs, for one, fits in no machine that
// would measure it.
//
// # How good it is
//
// Some samples are marked as held back: no fit sees them. HeldBack compares the model with them. The interval of each rate
// contains their spread beside that of the anchor's own samples.
package plan
