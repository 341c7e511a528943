package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder makes Go values of a YAML tree, and notes every fault that it finds on the way. Types decide what is allowed:
// see shape.
type decoder struct {
	file     string
	errs     Errors
	warnings []Warning
	notes    []Warning
}

func (d *decoder) fail(at Position, format string, args ...any) {
	d.errs = append(d.errs, &Error{File: d.file, Position: at, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) warn(at Position, format string, args ...any) {
	d.warnings = append(d.warnings, Warning{d.file, at, fmt.Sprintf(format, args...)})
}

func (d *decoder) note(at Position, format string, args ...any) {
	d.notes = append(d.notes, Warning{d.file, at, fmt.Sprintf(format, args...)})
}

// byName and byAddress mark the slices that are mappings in the file.
type (
	byName    interface{ byName() }
	byAddress interface{ byAddress() }
)

// decode makes v of a node. f is the field that v is, or is part of.
func (d *decoder) decode(n ast.Node, v reflect.Value, f *field) {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, ast.ScalarNode:
	default:
		d.fail(positionOfNode(n), "%s: a %s is not allowed here", f.key, strings.ToLower(n.Type().String()))
		return
	}
	if isScalar(v.Type()) {
		d.scalar(n, v, f)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), f)
	case reflect.Struct:
		d.object(n, v, f)
	case reflect.Slice:
		switch v.Interface().(type) {
		case byName:
			d.named(n, v, f)
		case byAddress:
			d.pairs(n, v, f)
		default:
			d.list(n, v, f)
		}
	}
}

// entries returns the entries of a mapping. Nothing, as a key with all its entries commented out leaves it, is an empty
// one. False: n is no mapping, and it was said so.
func (d *decoder) entries(n ast.Node, f *field) (list []*ast.MappingValueNode, ok bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	case *ast.NullNode:
		return nil, true
	}
	d.fail(positionOfNode(n), "%s: a mapping is needed: lines of key: value, or {key: value, ...}", f.key)
	return nil, false
}

// key returns the text of an entry's key.
func (d *decoder) key(e *ast.MappingValueNode) (string, Position) {
	at := positionOfNode(e.Key)
	s, ok := text(e.Key)
	if !ok {
		d.fail(at, "a key is one word")
	}
	return s, at
}

func (d *decoder) object(n ast.Node, v reflect.Value, f *field) {
	s := shapeOf(v.Type())
	p := placeOf(v)
	if p != nil && p.At == (Position{}) {
		p.At = positionOfNode(n)
	}
	if s.value != nil {
		inner := *s.value
		inner.key = f.key
		d.decode(n, v.FieldByIndex(inner.index), &inner)
		return
	}
	entries, ok := d.entries(n, f)
	if !ok {
		return
	}
	var seen []fieldPlace
	for _, e := range entries {
		key, at := d.key(e)
		if key == "" {
			continue
		}
		inner := s.field(key)
		if inner == nil {
			d.fail(at, "unknown key %s: allowed here: %s%s", quote(key), strings.Join(s.keys, ", "), suggest(key, s.keys))
			continue
		}
		if i := slices.IndexFunc(seen, func(o fieldPlace) bool { return o.key == key }); i >= 0 {
			d.fail(at, "%s is given already in line %d: each key is allowed once", key, seen[i].at.Line)
			continue
		}
		where := positionOfNode(e.Value)
		if _, null := e.Value.(*ast.NullNode); null {
			where = at
		}
		seen = append(seen, fieldPlace{inner.key, where})
		d.decode(e.Value, v.FieldByIndex(inner.index), inner)
	}
	if p != nil {
		p.fields = slices.Clip(seen)
	}
	for _, inner := range s.fields {
		if inner.required && !slices.ContainsFunc(seen, func(o fieldPlace) bool { return o.key == inner.key }) {
			at := positionOfNode(n)
			if p != nil {
				at = p.At
			}
			d.fail(at, "%s is missing%s", inner.key, d.title(v, f))
		}
	}
}

// title says what an object is, for messages that point at its beginning: " in NAME", or nothing.
func (d *decoder) title(v reflect.Value, f *field) string {
	if o := v.FieldByName("Name"); o.IsValid() && o.String() != "" {
		return " in " + o.String()
	}
	if f.key != "" {
		return " in " + f.key
	}
	return ""
}

// placeOf returns an object's Place; nil: it has none.
func placeOf(v reflect.Value) *Place {
	if p := v.FieldByName("Place"); p.IsValid() {
		return p.Addr().Interface().(*Place)
	}
	return nil
}

// names is what objects may be called, so that names need no quoting anywhere.
var names = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@/+-]{0,62}$`)

func (d *decoder) named(n ast.Node, v reflect.Value, f *field) {
	entries, _ := d.entries(n, f)
	first := make(map[string]int, len(entries))
	v.Set(reflect.MakeSlice(v.Type(), 0, len(entries)))
	for _, e := range entries {
		name, at := d.key(e)
		if !names.MatchString(name) {
			d.fail(at, "%s: %s is not a name: 1 to 63 letters, digits and _ . @ / + -, the first a letter, digit or _",
				f.key, quote(name))
			continue
		}
		if line, ok := first[name]; ok {
			d.fail(at, "%s: %s is given already in line %d: each name is allowed once", f.key, name, line)
			continue
		}
		first[name] = at.Line
		o := reflect.New(v.Type().Elem()).Elem()
		o.FieldByName("Name").SetString(name)
		placeOf(o).At = at
		inner := field{key: name}
		d.decode(e.Value, o, &inner)
		v.Set(reflect.Append(v, o))
	}
}

func (d *decoder) pairs(n ast.Node, v reflect.Value, f *field) {
	entries, _ := d.entries(n, f)
	first := make(map[netip.Addr]int, len(entries))
	for _, e := range entries {
		word, at := d.key(e)
		addr, err := parseAddr(word)
		if err != nil {
			d.fail(at, "%s: %v", f.key, err)
			continue
		}
		if line, ok := first[addr]; ok {
			d.fail(at, "%s: %v is given already in line %d: each address is allowed once", f.key, addr, line)
			continue
		}
		first[addr] = at.Line
		o := reflect.New(v.Type().Elem()).Elem()
		o.FieldByName("Key").Set(reflect.ValueOf(addr))
		o.FieldByName("At").Set(reflect.ValueOf(at))
		value, inner := o.FieldByName("Value"), &field{key: f.key}
		if !isScalar(value.Type()) { // an object, whose name is the address
			placeOf(value).At, inner.key = at, word
		}
		d.decode(e.Value, value, inner)
		v.Set(reflect.Append(v, o))
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, f *field) {
	if _, null := n.(*ast.NullNode); null {
		return
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(positionOfNode(n), "%s: a list is needed: lines of - value, or [value, ...]", f.key)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, e := range list.Values {
		d.decode(e, v.Index(i), f)
	}
}
