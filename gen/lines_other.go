//go:build !amd64 || purego

package gen

import "vrfwd/packet"

// stampLines leaves all frames to stamp.
func stampLines([]packet.Desc, []byte, uint32, uint32, [][LineLen]byte, uint16, uint32, uint32) int {
	return 0
}
