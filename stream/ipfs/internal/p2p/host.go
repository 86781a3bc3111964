// Package p2p makes libp2p hosts of the few parts that we use.
package p2p

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	conns "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
)

// UserAgent is what other peers are told about the program.
const UserAgent = "universal-p2p"

const (
	lowConns  = 20
	highConns = 40
)

// Options say what a host may do.
type Options struct {
	Gater  connmgr.ConnectionGater // judges every address; required
	Local  bool                    // may tell others addresses of private networks
	Listen []string                // multiaddrs; none: it only dials
}

// A Host is a libp2p host with all that it is made of.
type Host struct {
	host.Host
	closers []io.Closer
}

// Close ends the host and returns when nothing of it is left.
func (h *Host) Close() error { return closeAll(h.closers) }

// NewHost makes a host: TCP, QUIC and WebSocket, with neither relay, hole punching, port mapping, nor service for others. The package
// libp2p, which does this from options, would link WebRTC and WebTransport in versions of their own. The key is of this host alone:
// the next one is another peer to everybody.
func NewHost(o Options) (h *Host, err error) {
	var closers []io.Closer
	defer func() {
		if err != nil {
			closeAll(closers)
			err = fmt.Errorf("ipfs: host: %w", err)
		}
	}()
	add := func(c io.Closer) { closers = append(closers, c) }

	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	ps, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	add(ps)
	if err := errors.Join(ps.AddPrivKey(id, key), ps.AddPubKey(id, key.GetPublic())); err != nil {
		return nil, err
	}
	bus := eventbus.NewBus()
	rcmgr := &network.NullResourceManager{}
	sw, err := swarm.NewSwarm(id, ps, bus, swarm.WithConnectionGater(o.Gater), swarm.WithDialTimeout(10*time.Second), swarm.WithResourceManager(rcmgr))
	if err != nil {
		return nil, err
	}
	quicConns, err := addTransports(sw, key, o.Gater, rcmgr)
	if quicConns != nil {
		add(quicConns)
	}
	if err != nil {
		sw.Close()
		return nil, err
	}
	manager, err := conns.NewConnManager(lowConns, highConns, conns.WithGracePeriod(30*time.Second))
	if err != nil {
		sw.Close()
		return nil, err
	}
	bh, err := basichost.NewHost(sw, &basichost.HostOpts{
		EventBus: bus, ConnManager: manager, UserAgent: UserAgent, DisableSignedPeerRecord: true, DisableNonPublicAddrPublishing: !o.Local,
	})
	if err != nil {
		manager.Close()
		sw.Close()
		return nil, err
	}
	add(bh) // closes the swarm and the connection manager
	listen := make([]multiaddr.Multiaddr, len(o.Listen))
	for i, a := range o.Listen {
		if listen[i], err = multiaddr.NewMultiaddr(a); err != nil {
			return nil, err
		}
	}
	if len(listen) > 0 {
		if err := sw.Listen(listen...); err != nil {
			return nil, err
		}
	}
	bh.Start()
	return &Host{bh, closers}, nil
}

func addTransports(sw *swarm.Swarm, key crypto.PrivKey, g connmgr.ConnectionGater, rcmgr network.ResourceManager) (*quicreuse.ConnManager, error) {
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	tlsSec, err := libp2ptls.New(libp2ptls.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	noiseSec, err := noise.New(noise.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	up, err := upgrader.New([]sec.SecureTransport{tlsSec, noiseSec}, muxers, nil, rcmgr, g)
	if err != nil {
		return nil, err
	}
	var resetKey quic.StatelessResetKey
	var tokenKey quic.TokenGeneratorKey
	rand.Read(resetKey[:])
	rand.Read(tokenKey[:])
	reuse, err := quicreuse.NewConnManager(resetKey, tokenKey)
	if err != nil {
		return nil, err
	}
	q, err := libp2pquic.NewTransport(key, reuse, nil, g, rcmgr)
	if err != nil {
		return reuse, err
	}
	t, err := tcp.NewTCPTransport(up, rcmgr, nil, tcp.DisableReuseport())
	if err != nil {
		return reuse, err
	}
	w, err := websocket.New(up, rcmgr, nil)
	if err != nil {
		return reuse, err
	}
	for _, t := range []transport.Transport{q, t, w} {
		if err := sw.AddTransport(t); err != nil {
			return reuse, err
		}
	}
	return reuse, nil
}

func closeAll(closers []io.Closer) error {
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i].Close())
	}
	return errors.Join(errs...)
}
