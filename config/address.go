package config

import (
	"encoding/binary"
	"net/netip"
)

// number4 returns an IPv4 address in host order.
func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// addr4 is the inverse of number4.
func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func mask(bits int) uint32 { return ^uint32(0) << (32 - bits) }
