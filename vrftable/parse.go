package vrftable

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParsePrefixRule parses an entry of a prefix list: "permit 10.0.0.0/8 ge 16 le 24" or "deny 0.0.0.0/0".
func ParsePrefixRule(s string) (PrefixRule, error) {
	var r PrefixRule
	f := strings.Fields(s)
	if len(f) < 2 || f[0] != "permit" && f[0] != "deny" {
		return r, fmt.Errorf("prefix rule %q: want permit or deny, a prefix, and perhaps ge and le with a length", s)
	}
	r.Permit = f[0] == "permit"
	var err error
	if r.Prefix, err = netip.ParsePrefix(f[1]); err != nil {
		return PrefixRule{}, fmt.Errorf("prefix rule %q: %w", s, err)
	}
	for f = f[2:]; len(f) > 0; f = f[2:] {
		bound := &r.GE
		switch {
		case len(f) < 2 || f[0] != "ge" && f[0] != "le":
			return PrefixRule{}, fmt.Errorf("prefix rule %q: %q: want ge or le and a length", s, f[0])
		case f[0] == "le":
			bound = &r.LE
		}
		n, err := strconv.ParseUint(f[1], 10, 8)
		if err != nil || n == 0 || *bound != 0 {
			return PrefixRule{}, fmt.Errorf("prefix rule %q: %s %s: want one length from 1 to 32", s, f[0], f[1])
		}
		*bound = uint8(n)
	}
	if err := r.check(); err != nil {
		return PrefixRule{}, fmt.Errorf("prefix rule %q: %w", s, err)
	}
	return r, nil
}

// check tells whether the rule can match anything.
func (r PrefixRule) check() error {
	if !r.Prefix.IsValid() || !r.Prefix.Addr().Is4() {
		return fmt.Errorf("%v: an IPv4 prefix is needed", r.Prefix)
	}
	if m := r.Prefix.Masked(); m != r.Prefix {
		return fmt.Errorf("%v: host bits are set: write %v", r.Prefix, m)
	}
	bits := uint8(r.Prefix.Bits())
	if r.GE > 32 || r.LE > 32 || r.GE != 0 && r.GE <= bits || r.LE != 0 && (r.LE <= bits || r.LE < r.GE) {
		return fmt.Errorf("%v ge %d le %d: want length < ge <= le <= 32", r.Prefix, r.GE, r.LE)
	}
	return nil
}

// String gives the rule as ParsePrefixRule reads it.
func (r PrefixRule) String() string {
	s := "deny "
	if r.Permit {
		s = "permit "
	}
	s += r.Prefix.String()
	if r.GE != 0 {
		s += fmt.Sprintf(" ge %d", r.GE)
	}
	if r.LE != 0 {
		s += fmt.Sprintf(" le %d", r.LE)
	}
	return s
}

// ParseCommunity parses "65000:100".
func ParseCommunity(s string) (Community, error) {
	as, value, ok := strings.Cut(s, ":")
	hi, err := strconv.ParseUint(as, 10, 16)
	lo, err2 := strconv.ParseUint(value, 10, 16)
	if !ok || err != nil || err2 != nil {
		return 0, fmt.Errorf("community %q: want AS:value, each 0 to 65535", s)
	}
	return Community(hi<<16 | lo), nil
}

// ParseMAC parses "02:00:00:00:00:01".
func ParseMAC(s string) (MAC, error) {
	var m MAC
	f := strings.Split(s, ":")
	if len(f) != len(m) {
		return m, fmt.Errorf("MAC %q: want six bytes in hexadecimal, such as 02:00:00:00:00:01", s)
	}
	for i, b := range f {
		n, err := strconv.ParseUint(b, 16, 8)
		if err != nil || len(b) != 2 {
			return MAC{}, fmt.Errorf("MAC %q: byte %q: want two hexadecimal digits", s, b)
		}
		m[i] = byte(n)
	}
	return m, nil
}
