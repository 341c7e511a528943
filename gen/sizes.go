package gen

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Frame sizes in bytes on the wire: with the FCS (4) and the VLAN tag (4, where there is one). Desc.Len is 4 less.
const (
	MinSize = 64
	MaxSize = 9018 // jumbo; plain Ethernet ends at 1518
	fcs     = 4
)

// Size is one frame size and its share in a mix.
type Size struct {
	Bytes  int // on the wire, MinSize..MaxSize
	Weight int // frames of this size among the sum of all weights
}

// FixedSize is the mix of one size.
func FixedSize(bytes int) []Size { return []Size{{bytes, 1}} }

// IMIX is the simple Internet mix, 7:4:1 of 64, 594 and 1518 bytes: 361.8 bytes on average.
func IMIX() []Size { return []Size{{64, 7}, {594, 4}, {1518, 1}} }

// ParseSizes reads "imix", one size ("64") or a mix ("64:7,594:4,1518:1").
func ParseSizes(text string) ([]Size, error) {
	if text == "imix" {
		return IMIX(), nil
	}
	var sizes []Size
	for part := range strings.SplitSeq(text, ",") {
		bytes, weight, mixed := strings.Cut(part, ":")
		s := Size{Weight: 1}
		var err error
		if s.Bytes, err = strconv.Atoi(bytes); err == nil && mixed {
			s.Weight, err = strconv.Atoi(weight)
		}
		if err != nil {
			return nil, fmt.Errorf("gen: frame sizes %q: imix, a number of bytes, or a list of bytes:weight", text)
		}
		sizes = append(sizes, s)
	}
	return sizes, checkSizes(sizes)
}

// SizesText gives sizes as ParseSizes reads them.
func SizesText(sizes []Size) string {
	if len(sizes) == 1 {
		return strconv.Itoa(sizes[0].Bytes)
	}
	var parts []string
	for _, s := range sizes {
		parts = append(parts, fmt.Sprintf("%d:%d", s.Bytes, s.Weight))
	}
	return strings.Join(parts, ",")
}

// Limits of a mix: its pattern is written out.
const (
	maxWeight    = 4096
	sizesPattern = 8192
)

func checkSizes(sizes []Size) error {
	sum := 0
	for _, s := range sizes {
		if s.Bytes < MinSize || s.Bytes > MaxSize {
			return fmt.Errorf("gen: frame size %d: %d to %d bytes are possible, FCS included", s.Bytes, MinSize, MaxSize)
		}
		if s.Weight < 1 || s.Weight > maxWeight {
			return fmt.Errorf("gen: weight %d of frame size %d: 1 to %d are possible", s.Weight, s.Bytes, maxWeight)
		}
		sum += s.Weight
	}
	if sum > maxWeight {
		return fmt.Errorf("gen: frame size weights add up to %d: at most %d are possible", sum, maxWeight)
	}
	return nil
}

// pattern writes the mix out as indices into sizes, shuffled, with the exact shares, some 8,000 long.
func pattern(sizes []Size, rng *rand.Rand) []uint16 {
	var once []uint16
	for i, s := range sizes {
		for range s.Weight {
			once = append(once, uint16(i))
		}
	}
	p := make([]uint16, 0, sizesPattern)
	for len(p)+len(once) <= sizesPattern {
		p = append(p, once...)
	}
	rng.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}
