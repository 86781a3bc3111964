package demo

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/anacrolix/torrent"
)

// A seeder is the one peer of the demo. It talks to this machine only: it listens on 127.0.0.1 and asks nobody.
type seeder struct {
	client *torrent.Client
	hash   string // infohash, hex
}

func startSeeder(c *content, log *slog.Logger) (*seeder, error) {
	cfg := torrent.NewDefaultClientConfig()
	cfg.ListenHost = func(string) string { return "127.0.0.1" }
	cfg.ListenPort = 0
	cfg.DisableIPv6 = true
	cfg.DisableUTP = true
	cfg.DisablePEX = true
	cfg.DisableTrackers = true
	cfg.DisableWebseeds = true
	cfg.DisableWebtorrent = true
	cfg.NoDHT = true
	cfg.NoDefaultPortForwarding = true
	cfg.Seed = true
	cfg.DefaultStorage = c
	cfg.Slogger = log
	client, err := torrent.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("demo seeder: %w", err)
	}
	t, err := client.AddTorrent(c.meta)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("demo seeder: %w", err)
	}
	return &seeder{client, t.InfoHash().HexString()}, nil
}

// addr is where the seeder can be reached.
func (s *seeder) addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.client.LocalPort()))
}

func (s *seeder) close() error {
	return errors.Join(s.client.Close()...)
}
