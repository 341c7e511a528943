package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Method is a way of connecting VPNs with the Internet. The zero value is none.
type Method uint8

// The methods. The first five lead from a VPN to the Internet, the others back.
const (
	None         Method = iota
	TwoCircuits         // a second circuit (VLAN) of each CE, in the parent VR
	DefaultShare        // VRF default route -> a share of the VRF on an uplink's layer 2 interface
	Fallback            // no route in the VRF: the parent's table
	ImportMap           // chosen routes of the parent, imported into every VRF
	FullCopy            // all of the parent's routes, imported into every VRF
	StaticShare         // static route in the parent -> a share of the parent on the PE-CE circuit
	ExportMap           // chosen VRF routes, exported to the parent: they lead to the VRF's own interface
	BGPCE               // customer's routes by BGP from the CE's loopback, which a static route over a share reaches
	methods
)

var methodNames = [methods]string{"none", "two-circuits", "default-share", "fallback", "import-map", "full-copy",
	"static-share", "export-map", "bgp-ce"}

// Methods lists all methods.
func Methods() []Method {
	return []Method{TwoCircuits, DefaultShare, Fallback, ImportMap, FullCopy, StaticShare, ExportMap, BGPCE}
}

// Inbound tells whether the method leads from the Internet to a VPN.
func (m Method) Inbound() bool { return m >= StaticShare && m < methods }

// String gives the method as flags and results name it.
func (m Method) String() string {
	if m < methods {
		return methodNames[m]
	}
	return fmt.Sprintf("Method(%d)", uint8(m))
}

// ParseMethod is String's inverse.
func ParseMethod(name string) (Method, error) {
	if i := slices.Index(methodNames[:], name); i >= 0 {
		return Method(i), nil
	}
	return 0, fmt.Errorf("bench: method %q: %s are known", name, strings.Join(methodNames[1:], ", "))
}

// MarshalText gives the name.
func (m Method) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a name.
func (m *Method) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMethod(string(b))
	return err
}
