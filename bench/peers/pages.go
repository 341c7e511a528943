package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// DPDK's tables want large pages as ours have them by madvise: without, misses of the TLB are what is measured.
const (
	pagesDir  = "/sys/kernel/mm/hugepages/hugepages-2048kB"
	pagesWant = 320 // of 2 MiB: two tables of 32 and 64 MiB, the RIB beneath rte_fib, mbufs and rings
)

// pages says what DPDK's memory is made of.
type pages struct {
	text string   // for the conditions
	args []string // EAL's
	undo func()   // gives back what was reserved; never nil
}

// reservePages finds so many free pages, or has the kernel reserve what lacks until undo. Where it does not, DPDK gets
// pages of 4 KiB.
func reservePages(dir string, want int) pages {
	small := func(why string) pages {
		return pages{"4 KiB (--no-huge): " + why, []string{"--no-shconf", "--no-huge", "-m", strconv.Itoa(2 * want)}, func() {}}
	}
	total, err := readNumber(dir, "nr_hugepages")
	if err != nil {
		return small("this kernel has no pages of 2 MiB")
	}
	free, err := readNumber(dir, "free_hugepages")
	if err != nil {
		return small(err.Error())
	}
	large := []string{"--in-memory"}
	if free >= want {
		return pages{fmt.Sprintf("2 MiB, of %d that were free", free), large, func() {}}
	}
	set := func(n int) error {
		return os.WriteFile(filepath.Join(dir, "nr_hugepages"), []byte(strconv.Itoa(n)), 0o644)
	}
	undo := func() { _ = set(total) }
	if err := set(total + want - free); err != nil {
		return small(fmt.Sprintf("%d of 2 MiB are free, of %d; reserving the rest: %v", free, want, err))
	}
	if free, err = readNumber(dir, "free_hugepages"); err != nil || free < want {
		undo()
		return small(fmt.Sprintf("the kernel reserves %d of 2 MiB, of %d", free, want))
	}
	return pages{"2 MiB, reserved for the run", large, undo}
}

func readNumber(dir, name string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
