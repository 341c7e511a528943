package afpacket

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// The status words of a ring are written by the kernel and by us: each side's store publishes what it did to the frame
// or block before (packet_mmap.rst, "Ring setup and usage"). off is a multiple of 4 and b starts on a page.

// loadWord reads a status word; what its writer wrote before it is visible afterwards.
func loadWord(b []byte, off uint32) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(unsafe.SliceData(b[off : off+4]))))
}

// storeWord writes a status word, after all that was done before it.
func storeWord(b []byte, off, v uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(unsafe.SliceData(b[off:off+4]))), v)
}

// The other fields are in host order, and plain: they belong to whom the status word says.

func load16(b []byte) uint32     { return uint32(binary.NativeEndian.Uint16(b)) }
func load32(b []byte) uint32     { return binary.NativeEndian.Uint32(b) }
func store32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }
