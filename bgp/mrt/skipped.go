package mrt

import (
	"fmt"
	"strconv"
	"strings"
)

// Reason says why something in a file was not taken.
type Reason uint8

// What is not taken: routes of a dump, or changes of an update file, and whole records.
const (
	OtherPeer   Reason = iota // routes of peers that were not chosen
	NoNextHop                 // routes without an IPv4 next hop that can be a neighbour
	Martian                   // routes to what no router forwards to (RFC 1812 5.3.7): parts of 0/8, 127/8 and 224/3
	Repeated                  // routes of a peer whose prefix and path identifier it has already
	IPv6                      // IPv6 unicast records, or messages' attributes
	OtherFamily               // records, or messages' attributes, of multicast and other families
	Malformed                 // messages with malformed attributes: what they announce counts as withdrawn (RFC 7606 2)
	OtherBGP                  // messages but UPDATE, and the collector's own
	OtherRecord               // records of other types
	reasons
)

var reasonNames = [reasons][2]string{ // one, many
	OtherPeer:   {"route of another peer", "routes of other peers"},
	NoNextHop:   {"route without an IPv4 next hop", "routes without an IPv4 next hop"},
	Martian:     {"route to martian addresses", "routes to martian addresses"},
	Repeated:    {"repeated route", "repeated routes"},
	IPv6:        {"IPv6 record", "IPv6 records"},
	OtherFamily: {"record of another address family", "records of other address families"},
	Malformed:   {"message with malformed attributes", "messages with malformed attributes"},
	OtherBGP:    {"message other than UPDATE", "messages other than UPDATE"},
	OtherRecord: {"record of another type", "records of other types"},
}

// String names many of them.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r][1]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// Skipped counts what was not taken, by Reason.
type Skipped [reasons]int

// String lists what was skipped, or says "nothing".
func (s *Skipped) String() string {
	var list []string
	for r, n := range s {
		switch {
		case n == 1:
			list = append(list, "1 "+reasonNames[r][0])
		case n > 1:
			list = append(list, thousands(n)+" "+reasonNames[r][1])
		}
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// martian tells whether no router forwards to any address of a prefix: see Martian. The default route and its halves are none.
func martian(addr uint32, length uint8) bool {
	octet := addr >> 24
	return octet == 0 && length >= 8 || octet == 127 || octet >= 224
}
