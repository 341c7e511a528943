// Package peer describes those that the engine is measured against: what each does and does not do in the loop that is
// timed, and by which benchmarks it is compared. `make peers` writes the description beside its samples; a report renders
// both. Values are plain data; nothing here changes them.
package peer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Group is engines that are measured by the same benchmark, on the same keys or frames, in one run.
type Group struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	About   string   `json:"about"` // what is measured
	Unit    string   `json:"unit"`  // of the samples, as the benchmark format has it
	Less    bool     `json:"less"`  // the lesser value is the better one
	Columns []Column `json:"columns"`
	Facts   []string `json:"facts"` // what an engine may do in its loop
	Engines []Engine `json:"engines"`
}

// Column is one benchmark of a group.
type Column struct {
	Title     string `json:"title"`
	Benchmark string `json:"benchmark"` // package.Name/..., {engine} in place of the engine's name
}

// Engine is one of those compared, ours or a peer.
type Engine struct {
	Name    string   `json:"name"` // in the benchmark
	Title   string   `json:"title"`
	Ours    bool     `json:"ours"`
	Against string   `json:"against,omitempty"` // the engine of ours that it is compared with
	Does    []string `json:"does"`              // to each of the group's facts what the engine does: "yes", "no", or how
	Note    string   `json:"note,omitempty"`
}

// ID gives the name of an engine's benchmark in a column.
func (c Column) ID(engine string) string { return strings.ReplaceAll(c.Benchmark, "{engine}", engine) }

// File is the description's name in a folder of results.
const File = "peers.json"

// Write writes the description into a folder of results. Errors are those of writing.
func Write(dir string, groups []Group) error {
	text, err := Encode(groups)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, File), text, 0o644)
}

// Encode gives the description as Write writes it: indented, ending in a newline. The error is Check's.
func Encode(groups []Group) ([]byte, error) {
	if err := Check(groups); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(groups, "", "\t")
	return append(text, '\n'), err
}

// Read reads what Write wrote. Errors: fs.ErrNotExist (wrapped) where there is none, or what is wrong in it.
func Read(dir string) (groups []Group, err error) {
	name := filepath.Join(dir, File)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &groups); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := Check(groups); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return groups, nil
}

// Check refuses a description that leaves something open: an engine that does not say of each fact whether it does it, or
// that is compared with one that is not ours.
func Check(groups []Group) error {
	for _, g := range groups {
		ours := map[string]bool{}
		for _, e := range g.Engines {
			ours[e.Name] = ours[e.Name] || e.Ours
		}
		for _, e := range g.Engines {
			if len(e.Does) != len(g.Facts) {
				return fmt.Errorf("group %s, engine %s: %d answers to %d facts", g.Name, e.Name, len(e.Does), len(g.Facts))
			}
			if e.Against != "" && !ours[e.Against] {
				return fmt.Errorf("group %s, engine %s: compared with %s, which is none of ours", g.Name, e.Name, e.Against)
			}
		}
		for _, c := range g.Columns {
			if !strings.Contains(c.Benchmark, "{engine}") {
				return fmt.Errorf("group %s, column %s: benchmark %s lacks {engine}", g.Name, c.Title, c.Benchmark)
			}
		}
	}
	return nil
}
