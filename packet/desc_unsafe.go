package packet

import "unsafe"

// A Desc of more or less than 16 bytes, four to a cache line, does not compile.
const _ = uint(16 - unsafe.Sizeof(Desc{}))
const _ = uint(unsafe.Sizeof(Desc{}) - 16)
