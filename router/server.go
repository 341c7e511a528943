package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"
)

// server answers on the control socket.
type server struct {
	path string
	net.Listener
}

// longestSocket is the longest path of a unix socket in bytes: unix(7).
const longestSocket = 107

// listen takes the socket: mode 0600, so that who may ask is who may run the router. A socket that nobody answers on is
// what a router that was killed has left, and is replaced; one that somebody answers on is refused.
func listen(path string) (*server, error) {
	if len(path) > longestSocket {
		return nil, fmt.Errorf("control socket %s: %d bytes: the path of a socket has at most %d", path, len(path), longestSocket)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("control socket %s: there is a file of that name that is no socket: choose another path as control in the configuration", path)
	default:
		conn, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			conn.Close()
			return nil, fmt.Errorf("control socket %s: taken: a router answers there already; stop it, or choose another path as control in the configuration", path)
		}
		if !refused(err) {
			return nil, fmt.Errorf("control socket %s: %w", path, err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("control socket %s: left by a router that is gone: %w", path, err)
		}
	}
	old := setUmask(0o177)
	l, err := net.Listen("unix", path)
	setUmask(old)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return &server{path, l}, nil
}

// close removes the socket.
func (s *server) close() error {
	if err := s.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// serve answers until ctx ends, and returns when the last answer is given or broken off.
func (s *server) serve(ctx context.Context, r *Router) {
	var clients sync.WaitGroup
	defer clients.Wait()
	defer context.AfterFunc(ctx, func() { _ = s.close() })()
	for {
		conn, err := s.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // such as too many open files
			r.log.Error("a client was not answered", "socket", s.path, "error", err)
			time.Sleep(acceptPause)
			continue
		}
		clients.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
			if err := r.answer(ctx, conn.(*net.UnixConn)); err != nil {
				r.log.Debug("a client went away", "error", err)
			}
		})
	}
}

const acceptPause = 100 * time.Millisecond // after a connection that could not be taken

// requestTime is how long a client may take to send its request.
var requestTime = 5 * time.Second

// answer answers one connection. What is wrong with the request goes to the client; an error says that it has gone.
func (r *Router) answer(ctx context.Context, conn *net.UnixConn) error {
	if err := conn.SetReadDeadline(time.Now().Add(requestTime)); err != nil {
		return err
	}
	e := json.NewEncoder(conn)
	q, err := readRequest(conn)
	if err != nil {
		return e.Encode(headerOf(err))
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	switch q.Command {
	case CommandRoutes:
		return answerStream(conn, func(yield func(any) error) error {
			return ShowRoutes(r.table, q.VRF, q.Prefix, func(route Route) error { return yield(route) })
		})
	case CommandBGPRoutes:
		return answerStream(conn, func(yield func(any) error) error {
			return r.showBGPRoutes(q, func(route BGPRoute) error { return yield(route) })
		})
	case CommandCapture:
		return r.answerCapture(ctx, conn, q)
	case CommandReplay:
		return r.answerReplay(ctx, conn, q)
	}
	body, err := r.body(q)
	if err != nil {
		return e.Encode(headerOf(err))
	}
	if err := e.Encode(Header{}); err != nil {
		return err
	}
	return e.Encode(body)
}

func headerOf(err error) Header {
	var request *RequestError
	return Header{Error: err.Error(), Usage: errors.As(err, &request) || isConfigError(err)}
}

// body makes the answer of the commands that have one object.
func (r *Router) body(q Request) (any, error) {
	switch q.Command {
	case CommandInterfaces:
		return r.Interfaces(), nil
	case CommandLookup:
		return Explain(r.table, q.VRF, q.Address, q.Interface, r.Neighbors().Neighbors, r.forwarders()...)
	case CommandECMP:
		return r.Groups(), nil
	case CommandNeighbors:
		return r.Neighbors(), nil
	case CommandCounters:
		return r.Counters(), nil
	case CommandWorkers:
		return r.Workers(), nil
	case CommandImport:
		return showImports(r.table), nil
	case CommandExport:
		return showExports(r.table), nil
	case CommandVRs:
		return showVRs(r.table), nil
	case CommandBGP:
		neighbors, err := r.bgpNeighbors(q.VRF, q.Neighbor)
		return &BGPSummary{neighbors}, err
	case CommandBGPClear:
		return r.clearBGP(q)
	case CommandReload:
		return r.Reload()
	}
	return nil, bad("command %q is not known to this router", q.Command)
}

// answerStream answers with what show yields. The header waits for the first of it, so that a bad request is told as such.
func answerStream(conn *net.UnixConn, show func(yield func(any) error) error) error {
	w := newBodyWriter(conn)
	if err := show(w.encode); err != nil {
		if w.begun {
			return err
		}
		return json.NewEncoder(conn).Encode(headerOf(err))
	}
	return w.flush()
}
