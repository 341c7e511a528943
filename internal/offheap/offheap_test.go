package offheap

import (
	"testing"
	"unsafe"
)

func TestAlloc(t *testing.T) {
	for _, n := range []int{1, 4096, HugePage - 1, HugePage, 3*HugePage + 17} {
		r, err := Alloc(n)
		if err != nil {
			t.Fatalf("Alloc(%d): %v", n, err)
		}
		b := r.Bytes()
		if len(b) != n || cap(b) != n {
			t.Errorf("Alloc(%d): len %d cap %d", n, len(b), cap(b))
		}
		if n >= HugePage && r.Huge() && uintptr(unsafe.Pointer(&b[0]))%HugePage != 0 {
			t.Errorf("Alloc(%d): not aligned to a huge page", n)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			if b[i] != 0 {
				t.Errorf("Alloc(%d): byte %d not zero", n, i)
			}
		}
		b[0], b[n-1] = 0xff, 0xff
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
	if _, err := Alloc(-1); err == nil {
		t.Error("Alloc(-1) must fail")
	}
}

func TestSlice(t *testing.T) {
	r, err := Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := Slice[uint32](r, 16)
	w[15] = 0x01020304
	if r.Bytes()[60] == 0 {
		t.Error("slice does not share the region's memory")
	}
	defer func() {
		if recover() == nil {
			t.Error("a slice larger than its region must panic")
		}
	}()
	Slice[uint64](r, 9)
}
