package bittorrent

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"

	"github.com/anacrolix/torrent"
)

// What cannot be listened on is done without, as long as something is left.
func TestListen(t *testing.T) {
	noUDP := fmt.Errorf("subsequent listen: %w", &net.OpError{Op: "listen", Net: "udp4", Err: errors.New("not supported")})
	taken := fmt.Errorf("first listen: %w", &net.OpError{Op: "listen", Net: "tcp4", Err: errors.New("address in use")})
	for name, c := range map[string]struct {
		port  int
		fails func(cc *torrent.ClientConfig) error
		tries []string // port, and whether with uTP
		ok    bool
	}{
		"all is well": {7, func(*torrent.ClientConfig) error { return nil }, []string{"7 true"}, true},
		"the port is taken": {7, func(cc *torrent.ClientConfig) error {
			if cc.ListenPort != 0 {
				return taken
			}
			return nil
		}, []string{"7 true", "0 true"}, true},
		"no UDP": {7, func(cc *torrent.ClientConfig) error {
			if !cc.DisableUTP {
				return noUDP
			}
			return nil
		}, []string{"7 true", "0 true", "0 false"}, true},
		"no network at all": {0, func(cc *torrent.ClientConfig) error { return taken }, []string{"0 true"}, false},
		"no UDP, no TCP": {0, func(cc *torrent.ClientConfig) error {
			if cc.DisableUTP {
				return taken
			}
			return noUDP
		}, []string{"0 true", "0 false"}, false},
	} {
		var tries []string
		cc := torrent.NewDefaultClientConfig()
		cc.ListenPort = c.port
		cc.Slogger = slog.New(slog.DiscardHandler)
		_, err := listen(cc, func(cc *torrent.ClientConfig) (*torrent.Client, error) {
			tries = append(tries, fmt.Sprint(cc.ListenPort, !cc.DisableUTP))
			return nil, c.fails(cc)
		})
		if !slices.Equal(tries, c.tries) || (err == nil) != c.ok {
			t.Errorf("%s: tried %q, %v; want %q, ok %v", name, tries, err, c.tries, c.ok)
		}
	}
}
