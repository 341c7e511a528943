// Package e2e tests the whole: fwd as a program between network namespaces, driven by ping, traceroute, curl and TCP, and
// held against the Linux kernel's own forwarding. It has no code but tests.
//
//	go test ./internal/e2e                                     what CI runs: a minute and a half
//	go test ./internal/e2e -short                              fewer packets, smaller transfers
//	go test ./internal/e2e -run Oracle -packets 100000 -v      the kernel oracle at length, with its account; -seed chooses others
//	go test ./internal/e2e -run Soak -soak 10m -timeout 20m -v the soak, at 80 % of the loss-free rate that it finds first
//	go test ./internal/e2e -run '^$' -bench Latency            latency at 10 % of the loss-free rate, with busy-poll and without
//
// They need root, and the programs that testnet.Need names.
//
// # The kernel oracle
//
// TestOracle builds, for each of the eight methods (DESIGN 1), a network of four VRFs with overlapping addresses, configures
// fwd with it in one namespace and the kernel in another, and sends both the same random packets. The kernel routes by
// policy: each VR is a routing table, and a packet is marked by the interface that it came in by; the mark chooses the
// VRF's table and, where the interface falls back, the parent's. What both send is compared packet by packet: interface,
// Ethernet header, and all bytes of the packet; of what a router makes itself also type and code, source, quotation. Only the
// identification of such packets, times, and padding to Ethernet's 60 bytes are left out.
//
// The kernel is told what DESIGN asks for where it has a choice: ICMP errors come from the ingress interface's address
// (icmp_errors_use_inbound_ifaddr), there is no source validation, there are no redirects, source routes, or limits for ICMP;
// unicast in a link broadcast is dropped; a network's own address is a broadcast address.
//
// What differs by design has a rule, counted and printed; any other difference fails the test:
//
//	rule                fwd                                              Linux                          because
//	martian             drops from and to 0/8 and 240/4                  forwards; drops 0.0.0.0        RFC 1812 5.3.7, RFC 1122 3.2.1.3
//	error-to-broadcast  sends no error to a broadcast address            sends one, in a link broadcast RFC 1812 4.3.2.7
//	no-tcp              answers TCP to itself by ICMP port unreachable   by a reset                     RFC 1122 3.2.2.1; it has no TCP
//	no-icmp-timestamp   does not answer timestamp requests               answers                        RFC 1812 4.3.3.8: may
//	first-fragment      refuses a datagram to itself at its first        waits for the rest             RFC 1122 3.2.2: an error about the
//	                    fragment, if no program takes the protocol                                      first fragment is allowed
//	plain-error         quotes the packet as received, without options   quotes it with options filled  RFC 1812 4.3.2.3
//	                    in the error                                     in, and answers with options
//	recorded-once       fills record route and timestamp of an echo      twice, and keeps the rest of   RFC 1122 3.2.2.6
//	                    request in once, and returns these alone         the options
//	later-fragment      blanks options that later fragments must not     leaves them if the packet was  RFC 791 3.1: the copied flag
//	                    have                                             a later fragment already
//	timestamp-address   beside a timestamp stands the address of the     that of the ingress interface  RFC 791 3.1, as in record route
//	                    interface that the packet leaves by
//
// TestOracleItself holds the kernel against another kernel, and TestOracleSees against one with a small fault.
package e2e
