//go:build !amd64 || purego

package gen

import "vrfwd/packet"

// stampLines leaves all frames to stamp.
func stampLines([]packet.Desc, []byte, [][LineLen]byte, uint16, uint32, uint32) int { return 0 }
