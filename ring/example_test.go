package ring_test

import (
	"fmt"

	"vrfwd/ring"
)

// A burst is pushed as far as it fits; what was not taken stays the caller's.
func ExampleSPSC() {
	r, err := ring.New[uint32](4)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("pushed", r.Push([]uint32{10, 11, 12, 13, 14, 15}))

	burst := make([]uint32, 3)
	n := r.Pop(burst)
	fmt.Println("popped", n, burst[:n], "left", r.Len())
	// Output:
	// pushed 4
	// popped 3 [10 11 12] left 1
}

func ExampleNew() {
	_, err := ring.New[uint32](1000)
	fmt.Println(err)
	// Output: ring: size 1000 is not a power of two: use 512 or 1024
}
