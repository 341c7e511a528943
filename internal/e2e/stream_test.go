package e2e

import (
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"vrfwd/internal/testnet"
)

// stream is numbered datagrams that one host sends, a thousand a second and more, and another sends back.
type stream struct {
	t              *testing.T
	name           string
	echo, client   *net.UDPConn
	stop, stopped  chan struct{}
	sent, returned atomic.Int64
}

// newStream starts a stream between an address of one host and an address of another. It ends with lossless.
func newStream(t *testing.T, from *testnet.NS, source string, to *testnet.NS, address string) *stream {
	t.Helper()
	s := &stream{t: t, name: from.Name() + " to " + address, stop: make(chan struct{}), stopped: make(chan struct{})}
	var err error
	to.Do(func() { s.echo, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)}) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.echo.Close() })
	from.Do(func() {
		s.client, err = net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(source)}, s.echo.LocalAddr().(*net.UDPAddr))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.client.Close() })
	roomy(t, s.echo)
	roomy(t, s.client)
	go s.reflect()
	go s.collect()
	go s.send()
	return s
}

func (s *stream) reflect() {
	b := make([]byte, 2048)
	for {
		n, from, err := s.echo.ReadFromUDPAddrPort(b)
		if err != nil {
			return // closed
		}
		_, _ = s.echo.WriteToUDPAddrPort(b[:n], from) // what is not sent is missed
	}
}

// collect counts each number once.
func (s *stream) collect() {
	b := make([]byte, 2048)
	seen := map[uint64]bool{}
	for {
		n, err := s.client.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 8 {
			continue // an ICMP error came back
		}
		if k := binary.BigEndian.Uint64(b); !seen[k] {
			seen[k] = true
			s.returned.Add(1)
		}
	}
}

func (s *stream) send() {
	defer close(s.stopped)
	b := make([]byte, 100)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for k := uint64(0); ; k++ {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		binary.BigEndian.PutUint64(b, k)
		s.sent.Add(1)
		_, _ = s.client.Write(b) // what is not sent is missed
	}
}

// lossless stops the stream: all that was sent must have come back, or come yet.
func (s *stream) lossless() {
	s.t.Helper()
	close(s.stop)
	<-s.stopped
	for end := time.Now().Add(2 * time.Second); s.returned.Load() < s.sent.Load() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if sent, returned := s.sent.Load(), s.returned.Load(); sent == 0 || returned != sent {
		s.t.Errorf("%s: of %d datagrams %d came back", s.name, sent, returned)
	} else {
		s.t.Logf("%s: %d datagrams there and back", s.name, sent)
	}
}
