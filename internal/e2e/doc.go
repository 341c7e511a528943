// Package e2e tests the whole: fwd as a program between network namespaces, driven by ping, traceroute and TCP, and held
// against the Linux kernel's own forwarding. It has no code but tests.
package e2e
