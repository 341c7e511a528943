// Package testnet gives a test networks of its own: network namespaces, veth pairs between them, programs that run in
// them, and a Wire, a raw socket that sends and receives whole frames.
//
//	func TestPing(t *testing.T) {
//		testnet.Need(t, "ping")
//		n := testnet.New(t)
//		a, b := n.NS("a"), n.NS("b")
//		n.Veth(a, "eth0", b, "eth0")
//		a.Addr("eth0", "192.0.2.1/24")
//		b.Addr("eth0", "192.0.2.2/24")
//		a.Run(t, "ping", "-c", "1", "192.0.2.2")
//	}
//
// Everything is gone when the test ends, whether it passes, fails or panics: processes that still run in a namespace are
// killed, then namespaces deleted, links with them. A test binary that was itself killed leaves named namespaces behind;
// the next New removes those, by the process number in their names.
//
// Errors end the test by t.Fatal, so these calls belong to the test's goroutine. Linux only: elsewhere Need and New skip.
package testnet
