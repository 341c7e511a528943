package config

import "net/netip"

// Place is where an object stands in the file. It is part of everything that a mapping of the file becomes, and set by
// the decoder; the zero value is an object that the file leaves out.
type Place struct {
	At     Position // its name, or its first character
	fields []fieldPlace
}

type fieldPlace struct {
	key string
	at  Position
}

// of returns the place of the value that the file gives for a key, or else of the object.
func (p *Place) of(key string) Position {
	for _, f := range p.fields {
		if f.key == key {
			return f.at
		}
	}
	return p.At
}

// has tells whether the file gives the key.
func (p *Place) has(key string) bool {
	for _, f := range p.fields {
		if f.key == key {
			return true
		}
	}
	return false
}

// Object is a Place with the name that the file gives it.
type Object struct {
	Name string `yaml:"-"`
	Place
}

// Named is objects by name, in the order of the file: a mapping there.
type Named[T any] []T

func (Named[T]) byName() {}

// Pair is one address and what it stands for.
type Pair[V any] struct {
	Key   netip.Addr
	Value V
	At    Position
}

// Pairs is values by address, in the order of the file: a mapping there.
type Pairs[V any] []Pair[V]

func (Pairs[V]) byAddress() {}
