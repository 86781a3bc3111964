package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// listen takes the port of addr on 127.0.0.1 and, where the machine has IPv6, on [::1]. Browsers ask either of them for
// "localhost". Port 0 is any port that is free on both. The returned address is the one on 127.0.0.1.
func listen(ctx context.Context, addr string) (ls []net.Listener, bound string, err error) {
	port, err := parseAddr(addr)
	if err != nil {
		return nil, "", fmt.Errorf("addr: %w", err)
	}
	const tries = 16 // for a port that is free on one of the two only
	for range tries {
		ls, bound, err = listenBoth(ctx, port)
		if port != 0 || !isTaken(err) {
			break
		}
	}
	if isTaken(err) {
		return nil, "", &PortTakenError{Port: port, Owner: portOwner(port)}
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot listen: %w", err)
	}
	return ls, bound, nil
}

// ErrPortTaken is what Run returns when another program has the port, as a [*PortTakenError].
var ErrPortTaken = errors.New("the port is taken by another program")

// A PortTakenError is a port that another program has.
type PortTakenError struct {
	Port  uint16
	Owner string // the program and its process number, when that is known
}

func (e *PortTakenError) Error() string {
	owner := "another program"
	if e.Owner != "" {
		owner += " (" + e.Owner + ")"
	}
	return fmt.Sprintf("port %d is taken by %s: end that one, or start this one with --any-port, or with --addr 127.0.0.1:PORT; "+
		"web pages expect it at port %s", e.Port, owner, DefaultAddr[strings.LastIndexByte(DefaultAddr, ':')+1:])
}

func (e *PortTakenError) Unwrap() error { return ErrPortTaken }

func listenBoth(ctx context.Context, port uint16) ([]net.Listener, string, error) {
	var lc net.ListenConfig
	v4, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return nil, "", err
	}
	bound := v4.Addr().String()
	_, p, err := net.SplitHostPort(bound)
	if err != nil {
		return nil, "", errors.Join(err, v4.Close())
	}
	v6, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", p))
	switch {
	case err == nil:
		return []net.Listener{v4, v6}, bound, nil
	case isTaken(err):
		// Whoever has it would get what browsers send to localhost.
		return nil, "", errors.Join(err, v4.Close())
	}
	return []net.Listener{v4}, bound, nil // no IPv6 here
}

// isTaken reports whether another program has the port. Windows has two words for it: WSAEADDRINUSE, and WSAEACCES for a port
// that somebody took for himself alone.
func isTaken(err error) bool {
	const wsaeaddrinuse, wsaeacces = syscall.Errno(10048), syscall.Errno(10013)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaeaddrinuse) || errors.Is(err, wsaeacces)
}
