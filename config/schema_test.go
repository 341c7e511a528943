package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"vrfwd/vrftable"
)

// TestSchema: schema.json is what the types say. go generate brings it up to date.
func TestSchema(t *testing.T) {
	w := &schemaWriter{comments: comments(t), defs: map[string]any{}}
	root := w.object(reflect.TypeFor[Config](), "A provider edge.")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "vrfwd configuration"
	root["$defs"] = w.defs
	want, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(Schema(), want) {
		t.Error("schema.json is not what the types say: run go generate ./config")
	}
}

// comments reads the fields' comments: by "Type.Field".
func comments(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					all[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
			return true
		})
	}
	return all
}

type schemaWriter struct {
	comments map[string]string
	defs     map[string]any
}

// object writes the schema of a struct: the same walk as shape's.
func (w *schemaWriter) object(t reflect.Type, about string) map[string]any {
	s := shapeOf(t)
	if s.value != nil {
		return w.value(t.FieldByIndex(s.value.index).Type, s.value)
	}
	properties, required := map[string]any{}, []string{}
	for _, f := range s.fields {
		owner, sf := t, t.Field(f.index[0])
		for _, i := range f.index[1:] {
			owner, sf = sf.Type, sf.Type.Field(i)
		}
		p := w.value(sf.Type, &f)
		about := w.comments[owner.Name()+"."+sf.Name]
		if about == "" {
			panic(fmt.Sprintf("%s.%s has no comment", owner.Name(), sf.Name))
		}
		p["description"] = about
		properties[f.key] = p
		if f.required {
			required = append(required, f.key)
		}
	}
	o := map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		// Nothing is an empty object, which lacks what is required.
		o["type"], o["required"] = "object", required
	}
	if about != "" {
		o["description"] = about
	}
	return o
}

// ref writes the schema of a struct once.
func (w *schemaWriter) ref(t reflect.Type) map[string]any {
	if _, ok := w.defs[t.Name()]; !ok {
		w.defs[t.Name()] = nil // it is on its way
		w.defs[t.Name()] = w.object(t, "")
	}
	return map[string]any{"$ref": "#/$defs/" + t.Name()}
}

const (
	addressPattern = `^[0-9]{1,3}(\.[0-9]{1,3}){3}$`
	prefixPattern  = `^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$`
)

func (w *schemaWriter) value(t reflect.Type, f *field) map[string]any {
	text := func(pattern string) map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
	switch t {
	case reflect.TypeFor[netip.Addr]():
		return text(addressPattern)
	case reflect.TypeFor[netip.Prefix]():
		return text(prefixPattern)
	case reflect.TypeFor[vrftable.MAC]():
		return text(`^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$`)
	case reflect.TypeFor[vrftable.Community]():
		return text(`^[0-9]+:[0-9]+$`)
	case reflect.TypeFor[vrftable.PrefixRule]():
		return text(`^(permit|deny) +` + prefixPattern[1:len(prefixPattern)-1] + `( +(ge|le) +[0-9]+){0,2}$`)
	case reflect.TypeFor[time.Duration]():
		return text(`^[0-9.]+(ns|us|µs|ms|s|m|h)`)
	case reflect.TypeFor[Size]():
		return map[string]any{"type": []string{"integer", "string"}, "pattern": `^[0-9]+([KM]iB)?$`}
	}
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		p := map[string]any{"type": "string"}
		if f.enum != nil {
			p["enum"] = f.enum
		}
		return p
	case reflect.Pointer:
		return w.value(t.Elem(), f)
	case reflect.Struct:
		return w.ref(t)
	case reflect.Slice:
		element := t.Elem()
		switch reflect.Zero(t).Interface().(type) {
		case byName:
			return map[string]any{"type": []string{"object", "null"}, "additionalProperties": w.ref(element),
				"propertyNames": map[string]any{"pattern": names.String()}}
		case byAddress:
			v, _ := element.FieldByName("Value")
			return map[string]any{"type": []string{"object", "null"}, "additionalProperties": w.value(v.Type, f),
				"propertyNames": map[string]any{"pattern": addressPattern}}
		}
		return map[string]any{"type": []string{"array", "null"}, "items": w.value(element, f)}
	}
	p := map[string]any{"type": "integer", "minimum": 0}
	if f.most != 0 {
		p["minimum"], p["maximum"] = f.least, f.most
	}
	return p
}

// TestSchemaAgrees: what the decoder takes the schema takes too, and what the decoder refuses for a key or one of a few
// words the schema refuses.
func TestSchemaAgrees(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	check := func(name string, text []byte) string {
		var doc any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return err.Error()
		}
		v := validation{root: root}
		return v.check(name, root, doc)
	}
	good, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(good) == 0 {
		t.Fatal("no examples")
	}
	for _, name := range append(good, "example.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := check(name, text); wrong != "" {
			t.Error(wrong)
		}
	}
	text, err := Generate(3, 100)
	if wrong := check("generated", text); wrong != "" || err != nil {
		t.Error(wrong, err)
	}
	golden, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range strings.Split(string(golden), "== ")[1:] {
		name, rest, _ := strings.Cut(one, "\n")
		text, message, _ := strings.Cut(rest, "\n--\n")
		inSchema := regexp.MustCompile(`: (unknown key|.* is missing|.* is not one of|.* is neither true)`).MatchString(message)
		if inSchema && check(name, []byte(strings.ReplaceAll(text+"\n", "DEVICES\n", devices))) == "" {
			t.Errorf("%s: the decoder says %s, and the schema nothing", name, message)
		}
	}
}

// validation is as much of JSON schema as schema.json uses.
type validation struct{ root map[string]any }

// check returns what is wrong with a value, or nothing.
func (v *validation) check(at string, s map[string]any, doc any) string {
	if ref, ok := s["$ref"].(string); ok {
		return v.check(at, v.root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), doc)
	}
	kind := ""
	switch doc.(type) {
	case nil:
		kind = "null"
	case map[string]any:
		kind = "object"
	case []any:
		kind = "array"
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case uint64, int64, int:
		kind = "integer"
	}
	switch types := s["type"].(type) {
	case string:
		if kind != types {
			return fmt.Sprintf("%s: %s, want %s", at, kind, types)
		}
	case []any:
		if !slices.Contains(types, any(kind)) {
			return fmt.Sprintf("%s: %s, want %v", at, kind, types)
		}
	}
	switch doc := doc.(type) {
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		for _, key := range keys(doc) {
			p, known := properties[key].(map[string]any)
			if more, ok := s["additionalProperties"].(map[string]any); ok && !known {
				pattern := s["propertyNames"].(map[string]any)["pattern"].(string)
				if !regexp.MustCompile(pattern).MatchString(key) {
					return fmt.Sprintf("%s: name %s", at, key)
				}
				p, known = more, true
			}
			if !known {
				return fmt.Sprintf("%s: unknown key %s", at, key)
			}
			if wrong := v.check(at+"."+key, p, doc[key]); wrong != "" {
				return wrong
			}
		}
		required, _ := s["required"].([]any)
		for _, key := range required {
			if _, ok := doc[key.(string)]; !ok {
				return fmt.Sprintf("%s: %s is missing", at, key)
			}
		}
	case []any:
		for i, e := range doc {
			if wrong := v.check(fmt.Sprintf("%s[%d]", at, i), s["items"].(map[string]any), e); wrong != "" {
				return wrong
			}
		}
	case string:
		if words, ok := s["enum"].([]any); ok && !slices.Contains(words, any(doc)) {
			return fmt.Sprintf("%s: %q, want one of %v", at, doc, words)
		}
		if pattern, ok := s["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(doc) {
			return fmt.Sprintf("%s: %q does not match %s", at, doc, pattern)
		}
	case uint64:
		least, _ := s["minimum"].(float64)
		most, bounded := s["maximum"].(float64)
		if float64(doc) < least || bounded && float64(doc) > most {
			return fmt.Sprintf("%s: %d is not in %v..%v", at, doc, least, most)
		}
	}
	return ""
}
