//go:build !linux

package bgp

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

var errSystem = errors.New("BGP sessions need Linux: they stand on TUN devices, network namespaces and TCP MD5")

type sockets struct{}

func openSockets(string) (*sockets, error) { return nil, errSystem }

func (*sockets) close() {}

func (*sockets) listen(netip.AddrPort) (*net.TCPListener, error) { return nil, errSystem }

func (*sockets) dial(context.Context, *Neighbor, int) (*net.TCPConn, error) { return nil, errSystem }

func expect(*net.TCPListener, netip.Addr, string) error { return errSystem }

func accepted(*net.TCPConn, int) error { return errSystem }
