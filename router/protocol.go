package router

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// The control protocol: one request per connection of a unix stream socket. The client sends one Request and a newline; the
// server answers with one Header and a newline, then the body: JSON objects, or a pcapng stream for a capture, until it
// closes the connection. All JSON is what encoding/json writes.

// The commands of a Request.
const (
	CommandInterfaces = "interfaces" // body: one Interfaces
	CommandRoutes     = "routes"     // body: a Route for each route, in the order of their prefixes
	CommandLookup     = "lookup"     // body: one Lookup
	CommandECMP       = "ecmp"       // body: one Groups
	CommandNeighbors  = "neighbors"  // body: one Neighbors
	CommandCounters   = "counters"   // body: one Counters
	CommandWorkers    = "workers"    // body: one Workers
	CommandImport     = "import"     // body: one Imports
	CommandExport     = "export"     // body: one Exports
	CommandVRs        = "vrs"        // body: one VRs
	CommandBGP        = "bgp"        // body: one BGPSummary, which is a BGPNeighbors too
	CommandBGPRoutes  = "bgp-routes" // body: a BGPRoute for each route, in the order of their prefixes
	CommandBGPClear   = "bgp-clear"  // body: one BGPCleared
	CommandReload     = "reload"     // body: one Reloaded
	CommandCapture    = "capture"    // body: pcapng; it ends when the client closes its sending side
	CommandReplay     = "replay"     // body: a Replayed each second, the last one with Ended; it ends early when the client closes its sending side
)

// Request is what a client asks for. Fields that a command does not name are not looked at.
type Request struct {
	Command    string   `json:"command"`
	VRF        string   `json:"vrf,omitempty"`        // routes, lookup, bgp-routes, bgp-clear, replay: "" is the parent; bgp, and bgp-clear of all: "" is every VR
	Prefix     string   `json:"prefix,omitempty"`     // routes, bgp-routes: this prefix and longer ones, or, an address, its longest match; "": all
	Address    string   `json:"address,omitempty"`    // lookup
	Interface  string   `json:"interface,omitempty"`  // lookup: of ingress; capture: an IP interface or a port; "": chosen; all
	Neighbor   string   `json:"neighbor,omitempty"`   // bgp, bgp-routes: an address; "": all; bgp-clear: an address or all
	Advertised bool     `json:"advertised,omitempty"` // bgp-routes: what the neighbour was told
	Clear      string   `json:"clear,omitempty"`      // bgp-clear: hard, in or out
	Drops      bool     `json:"drops,omitempty"`      // capture: what is dropped, not what goes through
	Reasons    []string `json:"reasons,omitempty"`    // capture: for these reasons; none: for any
	Snap       int      `json:"snap,omitempty"`       // capture: most bytes of a frame; 0: all

	// replay, into VRF. File is one that the router can read.
	File      string            `json:"file,omitempty"`
	Speed     float64           `json:"speed,omitempty"`     // times faster than it was heard; 0: at Rate
	Rate      float64           `json:"rate,omitempty"`      // changes a second
	Limit     int               `json:"limit,omitempty"`     // changes; 0: all
	NextHops  []string          `json:"next_hops,omitempty"` // gateways instead of the file's next hops, as of a table
	Translate map[string]string `json:"translate,omitempty"` // gateways by next hop or peer of the file, as of a table
}

// Header is how an answer begins.
type Header struct {
	Error string `json:"error,omitempty"` // "": the body follows; otherwise why not, and the remedy
	Usage bool   `json:"usage,omitempty"` // the request or a file was wrong, not the router
}

// maxRequest is the longest request in bytes.
const maxRequest = 64 << 10

// RequestError is a request that cannot be answered as it is: an unknown name, a malformed address.
type RequestError struct{ Reason string }

// Error gives the reason.
func (e *RequestError) Error() string { return e.Reason }

func bad(format string, args ...any) error { return &RequestError{fmt.Sprintf(format, args...)} }

// readRequest reads one request. It refuses unknown fields: they are a client of another version.
func readRequest(r io.Reader) (q Request, err error) {
	d := json.NewDecoder(io.LimitReader(r, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, bad("the request is not one JSON object of at most %d bytes: %v", maxRequest, err)
	}
	return q, nil
}

// bodyWriter writes a Header and then objects, in large pieces.
type bodyWriter struct {
	*bufio.Writer
	e     *json.Encoder
	begun bool
}

func newBodyWriter(w io.Writer) *bodyWriter {
	b := bufio.NewWriterSize(w, 64<<10)
	return &bodyWriter{Writer: b, e: json.NewEncoder(b)}
}

// begin writes the header, once.
func (w *bodyWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	return w.e.Encode(Header{})
}

func (w *bodyWriter) encode(v any) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.e.Encode(v)
}

// flush ends the body.
func (w *bodyWriter) flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.Flush()
}
