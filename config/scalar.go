package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"vrfwd/bgp/mrt"
	"vrfwd/vrftable"
)

// isScalar tells whether one word of the file makes a value of the type.
func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Pointer:
		return false
	case reflect.Struct:
		return t == reflect.TypeFor[netip.Addr]() || t == reflect.TypeFor[netip.Prefix]() ||
			t == reflect.TypeFor[vrftable.PrefixRule]()
	}
	return true
}

// scalar makes v of one word.
func (d *decoder) scalar(n ast.Node, v reflect.Value, f *field) {
	at := positionOfNode(n)
	word, ok := text(n)
	if !ok {
		if _, null := n.(*ast.NullNode); null {
			d.fail(at, "%s: a value is needed", f.key)
		} else {
			d.fail(at, "%s: one value is needed, not a list or mapping", f.key)
		}
		return
	}
	if err := f.parse(word, v); err != nil {
		d.fail(at, "%s: %v", f.key, err)
	}
}

// text returns the word that a scalar node is, as it is written; false: it is none.
func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.MappingNode:
		if len(n.Values) == 1 {
			return text(n.Values[0])
		}
	case *ast.MappingValueNode:
		return joined(n)
	}
	return "", false
}

// joined returns the word that was taken apart at a colon without blanks: {communities: [64500:1]} is a list of one word
// (YAML 1.2.2, 7.3.3), but go-yaml's scanner has a mapping of 64500 to 1 there (scanMapDelim, inside of braces).
func joined(n *ast.MappingValueNode) (string, bool) {
	if n.Start == nil || n.Value.GetToken() == nil {
		return "", false
	}
	key, ok := text(n.Key)
	value, ok2 := text(n.Value)
	at, colon, after := positionOf(n.Key.GetToken()), positionOf(n.Start), positionOf(n.Value.GetToken())
	if !ok || !ok2 || colon != (Position{at.Line, at.Column + len(key)}) || after != (Position{colon.Line, colon.Column + 1}) {
		return "", false
	}
	return key + ":" + value, true
}

// quote shows a word of the file in a message, cut where it is long.
func quote(word string) string {
	const most = 60
	if len(word) > most {
		word = strings.ToValidUTF8(word[:most], "") + "..."
	}
	return strconv.Quote(word)
}

// parse makes v of a word. Errors say what is allowed.
func (f *field) parse(word string, v reflect.Value) (err error) {
	switch to := v.Addr().Interface().(type) {
	case *netip.Addr:
		*to, err = parseAddr(word)
	case *netip.Prefix:
		*to, err = parsePrefix(word, f.form == "address")
	case *vrftable.MAC:
		*to, err = parseMAC(word)
	case *vrftable.Community:
		*to, err = vrftable.ParseCommunity(word)
	case *vrftable.PrefixRule:
		*to, err = vrftable.ParsePrefixRule(word)
	case *time.Duration:
		*to, err = f.duration(word)
	case *Size:
		*to, err = f.size(word)
	case *string:
		*to, err = word, f.word(word)
	case *bool:
		*to = word == "true"
		if word != "true" && word != "false" {
			err = fmt.Errorf("%s is neither true nor false", quote(word))
		}
	default:
		return f.number(word, v)
	}
	return err
}

// number makes any integer of a word.
func (f *field) number(word string, v reflect.Value) error {
	n, err := strconv.ParseUint(word, 10, 64)
	leading := len(word) > 1 && word[0] == '0'
	if f.most == 0 {
		if err != nil || leading {
			return fmt.Errorf("%s: a whole number without sign is needed", quote(word))
		}
		v.SetUint(n)
		return nil
	}
	if err != nil || leading || n < uint64(f.least) || n > uint64(f.most) {
		return fmt.Errorf("%s: a whole number from %d to %d is needed", quote(word), f.least, f.most)
	}
	if v.CanInt() {
		v.SetInt(int64(n))
	} else {
		v.SetUint(n)
	}
	return nil
}

func (f *field) word(word string) error {
	switch {
	case f.enum != nil && !slices.Contains(f.enum, word):
		return fmt.Errorf("%s is not one of %s%s", quote(word), strings.Join(f.enum, ", "), suggest(word, f.enum))
	case word == "":
		return errors.New("it is empty")
	case f.form == "peer" && word != everyPeer:
		if _, err := mrt.ParsePeer(word); err != nil {
			return fmt.Errorf("%w, or %s", err, everyPeer)
		}
	case f.form == "device" && !isDevice(word):
		return fmt.Errorf("%s cannot be a network device's name: 1 to 15 characters, no / and no blanks", quote(word))
	}
	return nil
}

// isDevice is dev_valid_name of the kernel's net/core/dev.c.
func isDevice(name string) bool {
	return len(name) > 0 && len(name) < 16 && name != "." && name != ".." && !strings.ContainsFunc(name, func(r rune) bool {
		return r == '/' || r == ':' || r <= ' ' || r == 0x7f
	})
}

func (f *field) duration(word string) (time.Duration, error) {
	v, err := time.ParseDuration(word)
	if err != nil || f.most != 0 && (int64(v) < f.least || int64(v) > f.most) {
		return 0, fmt.Errorf("%s: a duration from %v to %v is needed, such as %v", quote(word),
			time.Duration(f.least), time.Duration(f.most), time.Duration(f.least))
	}
	return v, nil
}

func (f *field) size(word string) (Size, error) {
	digits, unit := word, int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if s, ok := strings.CutSuffix(word, suffix); ok {
			digits, unit = s, bytes
		}
	}
	n, err := strconv.ParseUint(digits, 10, 40)
	if err != nil || int64(n)*unit < f.least || int64(n)*unit > f.most {
		return 0, fmt.Errorf("%s: %d to %d bytes are needed, such as 65536 or 64KiB", quote(word), f.least, f.most)
	}
	return Size(int64(n) * unit), nil
}

func parseAddr(word string) (netip.Addr, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%s is not an IPv4 address such as 192.0.2.1", quote(word))
	}
	if !unicast(a) {
		return netip.Addr{}, fmt.Errorf("%v is not a station's address: none of 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3", a)
	}
	return a, nil
}

// unicast tells whether a station on a network can have the address (RFC 1122 3.2.1.3).
func unicast(a netip.Addr) bool {
	first := a.As4()[0]
	return first != 0 && first != 127 && first < 224
}

// parsePrefix parses a prefix, or an address with its network's length.
func parsePrefix(word string, address bool) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(word)
	switch {
	case (err != nil || !p.Addr().Is4()) && address:
		return netip.Prefix{}, fmt.Errorf("%s is not an IPv4 address with its network's length, such as 192.0.2.1/30", quote(word))
	case err != nil || !p.Addr().Is4():
		return netip.Prefix{}, fmt.Errorf("%s is not an IPv4 prefix such as 192.0.2.0/24", quote(word))
	case !address && p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("%v has host bits set: write %v", p, p.Masked())
	}
	return p, nil
}

func parseMAC(word string) (vrftable.MAC, error) {
	m, err := vrftable.ParseMAC(word)
	if err == nil && (m == (vrftable.MAC{}) || m[0]&1 != 0) {
		err = fmt.Errorf("MAC %v: a station's address is needed, not zero and not a group", m)
	}
	return m, err
}
