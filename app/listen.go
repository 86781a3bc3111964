package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
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
		return nil, "", fmt.Errorf("port %d is taken by another program: end that one, or choose another port with --addr 127.0.0.1:PORT", port)
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot listen: %w", err)
	}
	return ls, bound, nil
}

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
