package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vrfwd/router"
)

// rate is a number a second.
func rate(was, is uint64, seconds float64) string {
	return fmt.Sprintf("%.0f", float64(is-was)/seconds)
}

func pps(was, is uint64, seconds float64) string {
	return rate(was, is, seconds) + " pps"
}

// rates is packets and Mbit a second, of both directions.
func rates(rxWas, rx, txWas, tx router.Traffic, seconds float64) string {
	mbit := func(was, is router.Traffic) string {
		return fmt.Sprintf("%.2f", 8*float64(is.Bytes-was.Bytes)/seconds/1e6)
	}
	return fmt.Sprintf("%12s %10s %12s %10s", rate(rxWas.Packets, rx.Packets, seconds), mbit(rxWas, rx),
		rate(txWas.Packets, tx.Packets, seconds), mbit(txWas, tx))
}

// busiest sorts interfaces: those with most packets since was first, then by name.
func busiest(all []router.Interface, was map[string]router.Interface) []router.Interface {
	packets := func(i router.Interface) uint64 {
		w := was[i.VR+" "+i.Name]
		return i.Rx.Packets - w.Rx.Packets + i.Tx.Packets - w.Tx.Packets
	}
	return slices.SortedStableFunc(slices.Values(all), func(a, b router.Interface) int {
		return cmp.Or(-cmp.Compare(packets(a), packets(b)), cmp.Compare(a.Name, b.Name))
	})
}

// renderCounts draws counters by reason, if there are any.
func (m *model) renderCounts(b *strings.Builder, head string, was, is map[string]uint64, seconds float64) {
	if len(is) == 0 {
		return
	}
	fmt.Fprintln(b)
	fmt.Fprintln(b, headStyle.Render(fmt.Sprintf("%-22s %12s %14s", head, "PPS", "TOTAL")))
	for _, name := range slices.Sorted(maps.Keys(is)) {
		fmt.Fprintf(b, "%-22s %12s %14d\n", name, rate(was[name], is[name], seconds), is[name])
	}
}
