package router

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
)

// Answer is what a router has answered: the body follows.
type Answer struct {
	body *bufio.Reader
	d    *json.Decoder
	conn *net.UnixConn
}

// Ask asks the router whose control socket is at path. The caller closes the answer. A *RequestError says that the
// request, or a file that it is about, was wrong.
func Ask(ctx context.Context, path string, q Request) (*Answer, error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), refused(err):
		return nil, fmt.Errorf("no router answers at %s: is `fwd run` running, with this path as control: in its configuration?", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket %s: permission denied: ask as the user that runs the router", path)
	case err != nil:
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	a := &Answer{body: bufio.NewReaderSize(c, 64<<10), conn: c.(*net.UnixConn)}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(q); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket %s: %w", path, err), a.Close())
	}
	line, err := a.body.ReadBytes('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control socket %s: the router broke off: %w", path, err), a.Close())
	}
	var h Header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket %s: %w: is there something else than a router?", path, err), a.Close())
	}
	switch {
	case h.Error != "" && h.Usage:
		return nil, errors.Join(&RequestError{h.Error}, a.Close())
	case h.Error != "":
		return nil, errors.Join(errors.New(h.Error), a.Close())
	}
	a.d = json.NewDecoder(a.body)
	return a, nil
}

// Next decodes the body's next object into v; io.EOF: there is none.
func (a *Answer) Next(v any) error { return a.d.Decode(v) }

// Copy writes the rest of the body, as it is, to w.
func (a *Answer) Copy(w io.Writer) error {
	_, err := io.Copy(w, a.body)
	return err
}

// End tells the router that it should end the body: a capture's. What it has still to say can be read.
func (a *Answer) End() error { return a.conn.CloseWrite() }

// Close closes the connection.
func (a *Answer) Close() error { return a.conn.Close() }
