package config

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// shape is what the file may say where a struct is wanted. It follows from the struct's tags:
//
//	yaml:"key"           the key; yaml:",value": the struct is not a mapping but this value
//	required:"true"      the key must be there
//	range:"1-64"         least and most, of a number or a duration
//	enum:"hash,cpu,qm"   the words that are allowed
//	form:"address"       a prefix may have host bits; form:"device": a network device's name;
//	                     form:"peer": a peer of a route collector
//
// Embedded structs are part of the struct, but for Place and Object, which the decoder sets itself.
type shape struct {
	fields []field
	keys   []string
	value  *field // yaml:",value"
}

type field struct {
	key      string
	index    []int
	required bool
	least    int64
	most     int64 // 0: no range
	enum     []string
	form     string
}

var shapes sync.Map // by reflect.Type

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := new(shape)
	s.add(t, nil)
	for _, f := range s.fields {
		s.keys = append(s.keys, f.key)
	}
	shapes.Store(t, s)
	return s
}

func (s *shape) add(t reflect.Type, index []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		key, tagged := sf.Tag.Lookup("yaml")
		switch {
		case sf.Type == reflect.TypeFor[Place]() || sf.Type == reflect.TypeFor[Object]() || key == "-":
		case sf.Anonymous:
			s.add(sf.Type, at)
		case tagged:
			f := field{key: key, index: at, required: sf.Tag.Get("required") != "", form: sf.Tag.Get("form")}
			if words := sf.Tag.Get("enum"); words != "" {
				f.enum = strings.Split(words, ",")
			}
			if least, most, ok := strings.Cut(sf.Tag.Get("range"), "-"); ok {
				f.least, f.most = bound(least), bound(most)
			}
			if key == ",value" {
				s.value = &f
			} else {
				s.fields = append(s.fields, f)
			}
		}
	}
}

// bound reads one end of a range tag.
func bound(s string) int64 {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		panic("config: range tag " + s)
	}
	return int64(d)
}

func (s *shape) field(key string) *field {
	for i := range s.fields {
		if s.fields[i].key == key {
			return &s.fields[i]
		}
	}
	return nil
}
