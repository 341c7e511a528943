//go:build !amd64 || purego

package forwarder

import (
	"vrfwd/packet"
	"vrfwd/vrftable"
)

// The stages run by the kernels' twins, for whole bursts.

func each() int { return MaxBurst }

func (*burst) classifyRun(_, _ int, _ *[vrftable.VLANs]vrftable.Ingress) (done int, bytes uint64) {
	return 0, 0
}

func (*Worker) validateRun(_ *vrftable.View, _, _ int) (done int) { return 0 }

func (*burst) places(*vrftable.View) {}

func (*Worker) rewriteRun(_ *vrftable.View, j int) (next int) { return j }

func lengths(d []packet.Desc) uint64 { return lengthsEach(d) }
