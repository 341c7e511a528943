package live

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"vrfwd/gen"
)

// Document is what a stream file or a command line says, word by word; Example is one. Spec gives it a meaning.
type Document struct {
	Name     string         // of the file, for errors
	Dir      string         // what table files' paths are relative to
	Seed     Word           `yaml:"seed"`
	Ports    []PortEntry    `yaml:"ports"`
	Circuits []CircuitEntry `yaml:"circuits"`
	Streams  []StreamEntry  `yaml:"streams"`
}

// PortEntry names an interface. Ports that circuits name need no entry where their name is the interface's.
type PortEntry struct {
	At        Word // where the entry stands
	Name      Word `yaml:"name"`
	Interface Word `yaml:"interface"` // name, or name@namespace; the port's name if absent
	Line      Word `yaml:"line"`      // rate that percentages are of
}

// CircuitEntry is one VLAN of a port, the port untagged, or a group of VLANs.
type CircuitEntry struct {
	At         Word
	Name       Word   `yaml:"name"`
	Port       Word   `yaml:"port"`
	VLAN       Word   `yaml:"vlan"`        // 1..4094, or a group: 1-1000; absent or 0: untagged
	VRF        Word   `yaml:"vrf"`         // "{vlan}" stands for the number; "default" if absent
	MAC        Word   `yaml:"mac"`         // the tester's; the interface's if absent
	Address    []Word `yaml:"address"`     // IPv4 addresses that the tester has here: ARP is answered for them
	Gateway    Word   `yaml:"gateway"`     // the router's address here, to be resolved by ARP
	GatewayMAC Word   `yaml:"gateway-mac"` // the router's MAC
}

// StreamEntry is a set of flows with one rate.
type StreamEntry struct {
	At          Word
	Name        Word        `yaml:"name"`
	From        Word        `yaml:"from"`   // circuit or group
	To          Word        `yaml:"to"`     // circuit, or group of the same size as from: the first to the first, ...; or "discard"
	Except      []Exception `yaml:"except"` // the first that holds decides
	Source      []Word      `yaml:"source"` // gen.ParsePool's items; 10.0.0.0/8 if absent
	Destination []Word      `yaml:"destination"`
	Keys        Word        `yaml:"keys"`     // routed (default), covered or each: gen.Keys
	Flows       Word        `yaml:"flows"`    // default 1024, or one for each circuit if there are more
	Size        Word        `yaml:"size"`     // gen.ParseSizes; default 64
	TTL         Word        `yaml:"ttl"`      // default 64
	Rate        Word        `yaml:"rate"`     // gen.ParseRate
	Burst       Word        `yaml:"burst"`    // frames sent at once; default 1
	Count       Word        `yaml:"count"`    // frames; 0: until duration
	Duration    Word        `yaml:"duration"` // 0: until count
	Delay       Word        `yaml:"delay"`    // before the first frame
}

// Exception is where frames to some destinations come out instead.
type Exception struct {
	At          Word
	Destination []Word `yaml:"destination"`
	To          Word   `yaml:"to"`
}

// Word is one value as it was given, and where.
type Word struct {
	Text         string
	Flag         string // of the command line; "": in the file
	Line, Column int    // in the file, from 1
}

// FlagError is a fault of the command line.
type FlagError struct {
	Flag, Text string
	Reason     string
}

// Error gives "--flag text: reason".
func (e *FlagError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("--%s: %s", e.Flag, e.Reason)
	}
	return fmt.Sprintf("--%s %s: %s", e.Flag, e.Text, e.Reason)
}

// wrong makes an error of what is wrong with a word: *gen.SyntaxError or *FlagError.
func (d *Document) wrong(w Word, format string, args ...any) error {
	reason := strings.ReplaceAll(fmt.Sprintf(format, args...), "gen: ", "")
	if w.Flag != "" {
		return &FlagError{w.Flag, w.Text, reason}
	}
	return &gen.SyntaxError{File: d.Name, Line: w.Line, Column: w.Column, Reason: reason}
}

//go:embed example.yaml
var example []byte

// Example returns a stream file with comments.
func Example() []byte { return bytes.Clone(example) }

// MaxFile is the largest stream file in bytes. Larger sets of addresses belong in table files.
const MaxFile = 4 << 20

// ReadFile reads a stream file: YAML, one document of the keys that Document has, no anchors. Errors in it are
// *gen.SyntaxError.
func ReadFile(path string) (*Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("stream file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("stream file: %w", err)
	case len(data) > MaxFile:
		return nil, fmt.Errorf("stream file %s: larger than %d MiB; put addresses into a file and name it with \"table:\"", path, MaxFile>>20)
	}
	return Parse(path, filepath.Dir(path), data)
}

// Parse reads a stream file's text. name stands for it in errors; table files are relative to dir.
func Parse(name, dir string, data []byte) (d *Document, err error) {
	d = &Document{Name: name, Dir: dir}
	defer func() {
		// The YAML parser has given way to odd input before: an error, not the end of the program.
		if r := recover(); r != nil {
			d, err = nil, d.wrong(Word{Line: 1, Column: 1}, "this cannot be read as YAML (%v)", r)
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		var syntax yaml.Error
		at := Word{Line: 1, Column: 1}
		if !errors.As(err, &syntax) {
			return nil, d.wrong(at, "%v", err)
		}
		if t := syntax.GetToken(); t != nil {
			at.Line, at.Column = t.Position.Line, t.Position.Column
		}
		return nil, d.wrong(at, "%s", syntax.GetMessage())
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, d.wrong(place(doc.Body), "a second document: one is allowed")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, d.wrong(Word{Line: 1, Column: 1}, "the file is empty: it needs circuits and streams")
	}
	if err := d.decode(body, reflect.ValueOf(d).Elem()); err != nil {
		return nil, err
	}
	return d, nil
}

// place tells where a node begins.
func place(n ast.Node) Word {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil {
		return Word{Line: t.Position.Line, Column: t.Position.Column}
	}
	return Word{Line: 1, Column: 1}
}

var (
	wordType  = reflect.TypeFor[Word]()
	wordsType = reflect.TypeFor[[]Word]()
)

// decode puts a node into v: a Word, a list of them, a struct with keys, or a list of structs.
func (d *Document) decode(n ast.Node, v reflect.Value) error {
	switch {
	case v.Type() == wordType:
		w, err := d.word(n)
		v.Set(reflect.ValueOf(w))
		return err
	case v.Kind() == reflect.Struct:
		return d.decodeKeys(n, v)
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		if v.Type() != wordsType {
			return d.wrong(place(n), "a list is needed here: lines that begin with \"- \"")
		}
		w, err := d.word(n) // one value is a list of one
		v.Set(reflect.ValueOf([]Word{w}))
		return err
	}
	for _, item := range list.Values {
		one := reflect.New(v.Type().Elem()).Elem()
		if err := d.decode(item, one); err != nil {
			return err
		}
		v.Set(reflect.Append(v, one))
	}
	return nil
}

// decodeKeys puts a mapping into a struct.
func (d *Document) decodeKeys(n ast.Node, v reflect.Value) error {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		return d.wrong(place(n), "keys are needed here: %s", keysOf(v.Type()))
	}
	if at := v.FieldByName("At"); at.IsValid() {
		at.Set(reflect.ValueOf(place(n)))
	}
	seen := map[string]bool{}
	for _, pair := range values {
		key, err := d.word(pair.Key)
		if err != nil {
			return err
		}
		field := -1
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" && tag == key.Text {
				field = i
			}
		}
		switch {
		case field < 0:
			return d.wrong(key, "unknown key %q: %s are allowed here", key.Text, keysOf(v.Type()))
		case seen[key.Text]:
			return d.wrong(key, "key %q for the second time", key.Text)
		}
		seen[key.Text] = true
		if err := d.decode(pair.Value, v.Field(field)); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(t reflect.Type) string {
	var keys []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
			keys = append(keys, tag)
		}
	}
	return strings.Join(keys, ", ")
}

// word reads a scalar, as it is written: YAML would make 8 of 010 and true of yes.
func (d *Document) word(n ast.Node) (Word, error) {
	w := place(n)
	switch s := n.(type) {
	case *ast.StringNode:
		w.Text = s.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		w.Text = n.GetToken().Value
	case *ast.NullNode:
		return w, d.wrong(w, "no value: give one, or leave the key out")
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return w, d.wrong(w, "anchors, aliases and tags are not allowed in a stream file")
	default:
		return w, d.wrong(w, "a single value is needed here")
	}
	if strings.TrimSpace(w.Text) == "" {
		return w, d.wrong(w, "no value: give one, or leave the key out")
	}
	return w, nil
}
