package config

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"vrfwd/vrftable"
)

// Load reads a configuration and the table files that it names. Errors: Errors, with all that is wrong, or what opening
// and reading the file give.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("configuration: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("configuration: %s: not a regular file", path)
	case info.Size() > maxFile:
		return nil, Errors{{File: path, Text: fmt.Sprintf("%d bytes: at most %d are allowed", info.Size(), maxFile)}}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse is Load of a text: name is its file in messages, and where relative names of table files start.
func Parse(name string, text []byte) (*Config, error) { return parse(name, text, disk{}) }

func parse(name string, text []byte, from reader) (*Config, error) {
	root, err := parseTree(name, text)
	if err != nil {
		return nil, err
	}
	c := &Config{File: name}
	d := &decoder{file: name}
	switch root.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		d.fail(Position{}, "the file is empty: at least ports are needed; fwd init writes an example")
	default:
		d.decode(root, reflect.ValueOf(c).Elem(), &field{key: "the configuration"})
	}
	// Each step stands on what the one before has not complained about.
	if len(d.errs) == 0 {
		d.validate(c, from)
	}
	if len(d.errs) == 0 {
		d.try(c)
	}
	if len(d.errs) > 0 {
		d.errs.sort()
		return nil, d.errs
	}
	slices.SortStableFunc(d.warnings, func(a, b Warning) int { return comparePositions(a.Position, b.Position) })
	c.warnings, c.notes = d.warnings, d.notes
	return c, nil
}

// Warnings returns what the configuration may well mean, but most likely does not, in the order of the file.
func (c *Config) Warnings() []Warning { return c.warnings }

// Notes returns what was found in table files, and is as it should be: what was taken of a dump, and what was skipped. They have
// the form of warnings, and are in the order of the file.
func (c *Config) Notes() []Warning { return c.notes }

// Neighbor is a static neighbour: not found by ARP, and never aged.
type Neighbor struct {
	Layer2    string
	Address   netip.Addr
	MAC       vrftable.MAC
	Interface string // primary or share that it is given with
}

// Neighbors lists the static neighbours.
func (c *Config) Neighbors() []Neighbor {
	all := make([]Neighbor, len(c.objects.neighbors))
	for i, n := range c.objects.neighbors {
		all[i] = Neighbor{n.layer2, n.addr, n.mac, n.iface}
	}
	return all
}

// HostDevice is where a VR's local packets go.
type HostDevice struct {
	VR, Device string
	Netns      string // "": the router's own
}

// Hosts lists the VRs that have one.
func (c *Config) Hosts() (all []HostDevice) {
	for _, r := range c.routers() {
		if h := r.Host; h != nil {
			all = append(all, HostDevice{r.name, h.Device, h.Netns})
		}
	}
	return all
}

// LearnsFrom tells where a VR has, or may get, routes of the peer with that address: "a table (line 7)" or "BGP (line 9)"; "":
// nowhere.
func (c *Config) LearnsFrom(vr string, peer netip.Addr) string {
	for _, s := range c.objects.tables {
		if s.vr == vr && slices.ContainsFunc(s.peers, func(p vrftable.Peer) bool { return p.Addr == peer }) {
			return fmt.Sprintf("a table (line %d)", s.at.Line)
		}
	}
	for _, s := range c.Speakers() {
		for _, n := range s.Neighbors {
			if s.VR == vr && n.Key == peer {
				return fmt.Sprintf("BGP (line %d)", n.At.Line)
			}
		}
	}
	return ""
}
