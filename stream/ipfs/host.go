package ipfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

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
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/quic-go/quic-go"
)

const (
	userAgent = "universal-p2p"
	lowConns  = 20
	highConns = 40
)

// newHost makes a libp2p host of the parts we use: TCP, QUIC and WebSocket, for dialling only. It has no relay, no hole punching,
// no port mapping, no service for others. The package libp2p, which does this from options, would link WebRTC and WebTransport in
// versions of their own. The key is of this host alone: the next one is another peer to everybody. Close the closers from the end.
func newHost(g guard) (h host.Host, closers []io.Closer, err error) {
	defer func() {
		if err != nil {
			closeAll(closers)
			err = fmt.Errorf("ipfs: host: %w", err)
		}
	}()
	add := func(c io.Closer) { closers = append(closers, c) }

	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, closers, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, closers, err
	}
	ps, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, closers, err
	}
	add(ps)
	if err := errors.Join(ps.AddPrivKey(id, key), ps.AddPubKey(id, key.GetPublic())); err != nil {
		return nil, closers, err
	}
	bus := eventbus.NewBus()
	rcmgr := &network.NullResourceManager{}
	sw, err := swarm.NewSwarm(id, ps, bus, swarm.WithConnectionGater(g), swarm.WithDialTimeout(10*time.Second), swarm.WithResourceManager(rcmgr))
	if err != nil {
		return nil, closers, err
	}
	quicConns, err := addTransports(sw, key, g, rcmgr)
	if quicConns != nil {
		add(quicConns)
	}
	if err != nil {
		sw.Close()
		return nil, closers, err
	}
	conns, err := connmgr.NewConnManager(lowConns, highConns, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		sw.Close()
		return nil, closers, err
	}
	bh, err := basichost.NewHost(sw, &basichost.HostOpts{
		EventBus: bus, ConnManager: conns, UserAgent: userAgent, DisableSignedPeerRecord: true, DisableNonPublicAddrPublishing: !g.allowLocal,
	})
	if err != nil {
		conns.Close()
		sw.Close()
		return nil, closers, err
	}
	add(bh) // closes the swarm and the connection manager
	bh.Start()
	return bh, closers, nil
}

func addTransports(sw *swarm.Swarm, key crypto.PrivKey, g guard, rcmgr network.ResourceManager) (*quicreuse.ConnManager, error) {
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
	conns, err := quicreuse.NewConnManager(resetKey, tokenKey)
	if err != nil {
		return nil, err
	}
	q, err := libp2pquic.NewTransport(key, conns, nil, g, rcmgr)
	if err != nil {
		return conns, err
	}
	t, err := tcp.NewTCPTransport(up, rcmgr, nil, tcp.DisableReuseport())
	if err != nil {
		return conns, err
	}
	w, err := websocket.New(up, rcmgr, nil)
	if err != nil {
		return conns, err
	}
	for _, t := range []transport.Transport{q, t, w} {
		if err := sw.AddTransport(t); err != nil {
			return conns, err
		}
	}
	return conns, nil
}

func closeAll(closers []io.Closer) error {
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i].Close())
	}
	return errors.Join(errs...)
}
