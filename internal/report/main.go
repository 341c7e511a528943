// Command report renders the raw samples of a results folder: REPORT.md beside them, and the README's table of bars.
// Nothing in either is typed by hand. `make report` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	results := flag.String("results", "results", "folder with raw samples, "+pattern+" in the Go benchmark format")
	readme := flag.String("readme", "", "document whose marked section is to be written too")
	flag.Parse()
	if err := run(*results, *readme); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(results, readme string) error {
	files, err := readAll(results)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no samples in %s: run make bench", filepath.Join(results, pattern))
	}
	if err := os.WriteFile(filepath.Join(results, "REPORT.md"), report(files), 0o644); err != nil {
		return err
	}
	if readme == "" {
		return nil
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	if text, err = splice(text, section(files)); err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	return os.WriteFile(readme, text, 0o644)
}
