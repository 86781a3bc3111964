// Package utp offers the API of github.com/anacrolix/go-utp on top of the pure Go github.com/anacrolix/utp.
//
// anacrolix/torrent v1.62.0 requires a go-utp revision that the Go module proxy does not serve. The replace line in the
// go.mod of the main module puts this package in its place; it has just what torrent calls. Delete the folder and the
// line once go-utp resolves. uTP is described in BEP 29.
package utp

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/anacrolix/utp"
)

// Default names the implementation, for error messages.
const Default = "go"

// A FirewallCallback reports whether an incoming connection from addr is to be refused.
type FirewallCallback func(addr net.Addr) bool

// An Option changes how a Socket is made.
type Option func()

// WithLogger is accepted and does nothing: the wrapped package does not log through slog.
func WithLogger(*slog.Logger) Option { return func() {} }

// A Socket sends and accepts uTP connections over one packet connection, and passes on the packets that are not uTP's
// (the DHT shares the socket). Its methods are safe for concurrent use.
type Socket interface {
	net.PacketConn
	Accept() (net.Conn, error)
	Addr() net.Addr
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	SetFirewallCallback(FirewallCallback)
}

// NewSocket listens on addr of a udp network and owns what it opened.
func NewSocket(network, addr string, _ ...Option) (Socket, error) {
	s, err := utp.NewSocket(network, addr)
	if err != nil {
		return nil, err
	}
	return &socket{Socket: s}, nil
}

// NewSocketFromPacketConn runs uTP over pc, which it closes when it is closed.
func NewSocketFromPacketConn(pc net.PacketConn, _ ...Option) (Socket, error) {
	s, err := utp.NewSocketFromPacketConn(pc)
	if err != nil {
		return nil, err
	}
	return &socket{Socket: s}, nil
}

type socket struct {
	*utp.Socket
	firewall atomic.Pointer[FirewallCallback]
}

var _ Socket = (*socket)(nil)

// Close ends the socket. The wrapped one leaves a ReadFrom waiting for ever, so it gets a deadline that is long past.
func (s *socket) Close() error {
	err := s.Socket.Close()
	s.Socket.SetReadDeadline(time.Unix(1, 0))
	return err
}

func (s *socket) SetFirewallCallback(f FirewallCallback) { s.firewall.Store(&f) }

// Accept drops connections that the firewall callback refuses. The wrapped package has acknowledged them already, so a
// refused peer sees a connection that closes at once instead of none.
func (s *socket) Accept() (net.Conn, error) {
	for {
		c, err := s.Socket.Accept()
		if err != nil {
			return nil, err
		}
		if f := s.firewall.Load(); f != nil && *f != nil && (*f)(c.RemoteAddr()) {
			c.Close()
			continue
		}
		return c, nil
	}
}
