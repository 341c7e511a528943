package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vrfwd/bench/sample"
)

// partial is added to the name of a file whose run is not over.
const partial = ".partial"

// Record measures the grid into a new file of dir, samples-DATE-COMMIT.jsonl, and beside it the same in Go benchmark format,
// samples-DATE-COMMIT.txt; it returns the first one's path. The run is named DATE-COMMIT. Until all points are there the file has another name, which
// readers pass over; an interrupted run of the same commit goes on with it.
func (g Grid) Record(ctx context.Context, dir string) (path string, err error) {
	commit := Build().Commit
	modified := strings.HasSuffix(commit, "+modified")
	stem := strings.TrimSuffix(commit, "+modified")
	stem = "samples-" + stem[:min(12, len(stem))]
	if modified { // nobody knows whether the code is still the same
		stem += "+modified"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("bench: results: %w", err)
	}
	open := filepath.Join(dir, stem+sample.Ext+partial)
	if modified || commit == "unknown" {
		if err := os.Remove(open); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("bench: results: %w", err)
		}
	}
	f, err := sample.OpenFile(open)
	if err != nil {
		return "", err
	}
	defer f.Close()
	g.Run = strings.Replace(stem, "samples", time.Now().UTC().Format("20060102T150405Z"), 1)
	if len(f.Done) > 0 {
		g.Run = f.Done[0].Run
	}
	if err := g.Measure(ctx, f); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "samples-"+g.Run+sample.Ext)
	all, err := sample.ReadFile(open)
	if err != nil {
		return "", err
	}
	text, err := os.Create(strings.TrimSuffix(path, sample.Ext) + ".txt")
	if err == nil {
		err = errors.Join(sample.WriteBench(text, all...), text.Close())
	}
	if err == nil {
		err = os.Rename(open, path)
	}
	if err != nil {
		return "", fmt.Errorf("bench: results: %w", err)
	}
	return path, nil
}
