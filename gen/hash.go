package gen

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"vrfwd/lpm"
)

// Hash names a table in the conditions of a result: the first 16 hex digits of the SHA-256 over the routes in the
// order given, 9 bytes each: address (4, big endian), length (1), hop (4, big endian). Sorted tables with equal
// routes have equal hashes.
func Hash(routes []lpm.Route) string {
	h := sha256.New()
	buf := make([]byte, 0, 9<<10)
	for i, r := range routes {
		buf = binary.BigEndian.AppendUint32(buf, r.Addr)
		buf = append(buf, r.Len)
		buf = binary.BigEndian.AppendUint32(buf, uint32(r.Hop))
		if len(buf) == cap(buf) || i == len(routes)-1 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
