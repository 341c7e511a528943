package sample

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Ext is the extension of files of samples.
const Ext = ".jsonl"

// MaxLine is the longest line in bytes: a histogram and some thousand trials take less than a hundredth of it.
const MaxLine = 64 << 20

// FormatError is a line that is no sample. Nothing of its file is to be used.
type FormatError struct {
	File   string
	Line   int // from 1
	Reason string
}

// Error gives "file:line: reason".
func (e *FormatError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

// errCut is a last line without its end: its writer was stopped in the middle of it.
var errCut = errors.New("the last line is cut off")

// Read reads samples until the end. name stands for the source in errors, which are *FormatError or of the reader.
func Read(name string, r io.Reader) ([]Sample, error) {
	all, _, err := read(name, r)
	if errors.Is(err, errCut) {
		return nil, &FormatError{name, len(all) + 1, "the line is cut off: its writer was stopped in the middle; remove it, or resume the sweep, which does"}
	}
	return all, err
}

// read also tells how many bytes the whole lines are. Where the last line is cut off it returns those before it with errCut.
func read(name string, r io.Reader) (all []Sample, whole int64, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	for line := 1; ; line++ {
		text, err := in.ReadBytes('\n')
		switch {
		case err == io.EOF && len(text) == 0:
			return all, whole, nil
		case err == io.EOF:
			return all, whole, errCut
		case err != nil:
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		case len(text) > MaxLine:
			return nil, 0, &FormatError{name, line, fmt.Sprintf("longer than %d MiB", MaxLine>>20)}
		}
		s, err := parse(text)
		if err != nil {
			return nil, 0, &FormatError{name, line, err.Error()}
		}
		all, whole = append(all, s), whole+int64(len(text))
	}
}

// parse reads one line.
func parse(line []byte) (s Sample, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return s, errors.New("empty: one sample a line")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		// Another format may well have other fields: that is what to say then.
		var head struct{ Format int }
		if json.Unmarshal(line, &head) == nil && head.Format != Format {
			return s, (&Sample{Format: head.Format}).check()
		}
		return s, fmt.Errorf("byte %d: %w", d.InputOffset()+1, err)
	}
	if d.More() {
		return s, fmt.Errorf("byte %d: more than one sample on the line", d.InputOffset()+1)
	}
	return s, s.check()
}

// ReadFile reads a file of samples.
func ReadFile(path string) ([]Sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	defer f.Close()
	return Read(path, f)
}

// ReadDir reads all files of samples in a folder, in the order of their names. Errors: fs.ErrNotExist where it has none.
func ReadDir(dir string) (all []Sample, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"+Ext))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("samples: %s has no file *%s: %w", dir, Ext, fs.ErrNotExist)
	}
	slices.Sort(names)
	for _, name := range names {
		some, err := ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// Append writes samples to w, one a line. Errors: a sample that Read would refuse, before anything of it is written; or
// the writer's.
func Append(w io.Writer, samples ...Sample) error {
	for i := range samples {
		s := samples[i]
		s.Format = Format
		if err := s.check(); err != nil {
			return fmt.Errorf("samples: %w", err)
		}
		line, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("samples: %w", err)
		}
		if _, err := w.Write(append(line, '\n')); err != nil { // in one piece
			return fmt.Errorf("samples: %w", err)
		}
	}
	return nil
}

// File is a file of samples that points are added to as they are finished. It belongs to one goroutine.
type File struct {
	f    *os.File
	Done []Sample // what it held when it was opened
}

// OpenFile opens a file to add to, which is made where it is missing. A last line that was cut off when its writer was
// stopped is removed; anything else that is no sample is an error.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	done, whole, err := read(path, f)
	if err == nil || errors.Is(err, errCut) {
		if err = f.Truncate(whole); err == nil {
			_, err = f.Seek(whole, io.SeekStart)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{f, done}, nil
}

// Append adds samples. When it returns without an error they are on the disk.
func (f *File) Append(samples ...Sample) error {
	if err := Append(f.f, samples...); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("samples: %w", err)
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }
