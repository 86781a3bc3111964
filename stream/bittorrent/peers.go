package bittorrent

import (
	"net/netip"
	"time"

	"github.com/anacrolix/torrent"
	pp "github.com/anacrolix/torrent/peer_protocol"
)

// A block is the index of a block in its torrent, counted from the first of the first piece.
type block = torrent.RequestIndex

// A peer is what we know of one connection. The client's lock guards it.
type peer struct {
	conn     *torrent.PeerConn
	swarm    *peerSet
	choked   bool
	fast     map[int]bool        // pieces it gives while choking us, BEP 6
	reqq     int                 // requests it takes at once, BEP 10
	inflight map[block]sent      // requested and not yet here
	refused  map[block]time.Time // rejected (BEP 6), and when
	pace     pace
	lastData time.Time // last block
	asked    time.Time // when inflight last became non-empty
	useful   int64     // bytes of blocks we wanted

	mute map[block]time.Time // blocks it cannot be asked for, as far as we see without reason, and since when
	deaf bool                // it needs a new connection

	answers int64                  // bytes of what it has asked for and not yet taken, at most; see overcharges
	written int64                  // bytes that it had taken when answers was counted
	said    map[pp.MessageType]int // how often; see repeats

	strikes int       // times it has stalled since its last block
	bench   time.Time // until then it is asked only if there is nobody else
}

// window is how many requests may be in flight to p. One that has stalled must show first that it is back.
func (p *peer) window() int {
	if p.strikes > 0 {
		return minWindow
	}
	return p.pace.window(p.reqq)
}

// room is how many more requests p should get now.
func (p *peer) room() int { return p.window() - len(p.inflight) }

// refuse notes that p does not give b now.
func (p *peer) refuse(b block, now time.Time) {
	if p.refused == nil {
		p.refused = make(map[block]time.Time)
	}
	if len(p.refused) < 4096 {
		p.refused[b] = now
	}
}

// silent reports whether p should have sent something and has not for so long. One that gave us blocks and now chokes us may
// believe that we have everything, since we told it of each piece as it came, and not of those that were recycled since: the
// protocol has no word for that. To a new connection we tell what is true.
func (p *peer) silent(now time.Time, d time.Duration) bool {
	if now.Sub(p.lastData) < d || now.Sub(p.asked) < d {
		return false
	}
	if p.choked {
		return p.useful > 0
	}
	return len(p.inflight) > 0 || len(p.mute) > 0
}

// dialAddr is where p can be reached again, "" if unknown.
func (p *peer) dialAddr() string {
	ap, err := netip.ParseAddrPort(p.conn.RemoteAddr.String())
	if err != nil || p.conn.Network == "webrtc" {
		return "" // a browser has an address too, but nobody can dial it
	}
	if p.conn.Discovery == torrent.PeerSourceIncoming {
		port := p.conn.PeerListenPort // of its extended handshake
		if port <= 0 || port > 65535 {
			return ""
		}
		ap = netip.AddrPortFrom(ap.Addr(), uint16(port))
	}
	return ap.String()
}

// stallTime is the least time without a block that counts as a stall. Transmission answers in pulses of half a second.
const stallTime = 700 * time.Millisecond

// stalled reports whether p owes us blocks and has sent none for longer than its own pace explains.
func (p *peer) stalled(now time.Time) bool {
	if len(p.inflight) == 0 {
		return false
	}
	since := p.asked
	if p.lastData.After(since) {
		since = p.lastData
	}
	return now.Sub(since) > max(stallTime, 4*seconds(p.pace.delay.best))
}

// review benches p if it has stalled: for two seconds, and longer each time it does so again.
func (p *peer) review(now time.Time) {
	if !p.benched(now) && p.stalled(now) {
		p.bench = now.Add(2 * time.Second << min(p.strikes, 4))
		p.strikes++
	}
}

func (p *peer) benched(now time.Time) bool { return now.Before(p.bench) }

// A peerSet is the connections of one torrent. The client's lock guards it.
type peerSet struct {
	peers map[*torrent.Peer]*peer
	wake  chan struct{} // capacity 1: the picker has something to do
	bytes int64         // received blocks since the torrent was added
	waste int64         // of those, blocks we had already
	past  []pastPeer    // closed connections that gave us something
	fail  func(error)   // ends the torrent; set by its owner

	// dialled are the addresses that were tried, whoever named them: trackers, the DHT and other peers tell them to the library,
	// which forgets one when nobody answers there.
	dialled map[string]bool
}

// A pastPeer is where a closed connection can be dialled again, and what it gave.
type pastPeer struct {
	addr  string
	bytes int64
}

// maxPast bounds the list of closed connections that are remembered.
const maxPast = 2 * maxPeers

func newPeerSet() *peerSet {
	return &peerSet{peers: make(map[*torrent.Peer]*peer), wake: make(chan struct{}, 1)}
}

// pick lists the peers that ok accepts.
func (s *peerSet) pick(ok func(*peer) bool) (picked []*peer) {
	for _, p := range s.peers {
		if ok(p) {
			picked = append(picked, p)
		}
	}
	return picked
}

func (s *peerSet) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// A registry follows the connections of a client through its callbacks. All of them, and so the registry, run under the
// client's lock.
type registry struct {
	hooks  hooks
	client *torrent.Client // set once it is there, before the first Torrent
	sets   map[*torrent.Torrent]*peerSet
}

func newRegistry(h hooks) *registry {
	return &registry{hooks: h, sets: make(map[*torrent.Torrent]*peerSet)}
}

// set returns the connections of t. A connection can be there before the torrent's owner asks.
func (r *registry) set(t *torrent.Torrent) *peerSet {
	s := r.sets[t]
	if s == nil {
		s = newPeerSet()
		r.sets[t] = s
	}
	return s
}

// onDial notes that addr is being dialled, by the torrents that wait for it. It is called without the client's lock, and takes it.
func (r *registry) onDial(addr string) {
	clientLock(r.client)
	defer clientUnlock(r.client)
	for t, s := range r.sets {
		if len(s.dialled) < 4*maxPeers && r.hooks.isDialling(t, addr) {
			if s.dialled == nil {
				s.dialled = make(map[string]bool)
			}
			s.dialled[addr] = true
		}
	}
}

func (r *registry) find(p *torrent.Peer) *peer {
	s := r.sets[p.Torrent()]
	if s == nil {
		return nil
	}
	return s.peers[p]
}

// install sets the callbacks of cfg.
func (r *registry) install(cb *torrent.Callbacks) {
	cb.PeerConnAdded = append(cb.PeerConnAdded, r.onAdded)
	cb.PeerConnClosed = r.onClosed
	cb.ReadExtendedHandshake = r.onExtendedHandshake
	cb.ReadMessage = r.onMessage
	cb.SentRequest = append(cb.SentRequest, r.onSent)
	cb.DeletedRequest = append(cb.DeletedRequest, r.onDeleted)
	cb.ReceivedRequested = append(cb.ReceivedRequested, r.onReceived)
	cb.ReceivedUsefulData = append(cb.ReceivedUsefulData, r.onUseful)
}

func (r *registry) onAdded(pc *torrent.PeerConn) {
	s := r.set(pc.Torrent())
	s.peers[&pc.Peer] = &peer{
		conn:     pc,
		swarm:    s,
		choked:   true,
		reqq:     safeReqq(250),
		inflight: make(map[block]sent),
	}
	r.hooks.closePipeline(pc)
	s.signal()
}

func (r *registry) onClosed(pc *torrent.PeerConn) {
	t := pc.Torrent()
	if t == nil {
		return // never got past its handshake
	}
	s := r.sets[t]
	if s == nil {
		return
	}
	if p := s.peers[&pc.Peer]; p != nil && p.useful > 0 && len(s.past) < maxPast {
		if addr := p.dialAddr(); addr != "" {
			s.past = append(s.past, pastPeer{addr, p.useful})
		}
	}
	delete(s.peers, &pc.Peer)
	s.signal()
}

func (r *registry) onExtendedHandshake(pc *torrent.PeerConn, m *pp.ExtendedHandshakeMessage) {
	if m.MetadataSize > maxMetadata {
		m.MetadataSize = 0 // the library would be busy with it for minutes
	}
	if p := r.find(&pc.Peer); p != nil && m.Reqq > 0 {
		p.reqq = safeReqq(m.Reqq)
	}
}

// safeReqq stays below what a peer says it takes. Transmission 3.00 stops answering for good once it owes exactly as many
// blocks as it advertises (measured: 512 outstanding requests, no block ever after).
func safeReqq(advertised int) int { return max(minWindow, min(advertised-12, maxWindow)) }

// onMessage runs before the library has acted on m.
func (r *registry) onMessage(pc *torrent.PeerConn, m *pp.Message) {
	if m.Keepalive {
		return
	}
	if r.screen(pc, m) {
		m.Keepalive = true // the library does nothing on those
		return
	}
	switch m.Type {
	case pp.Choke, pp.Unchoke, pp.AllowedFast, pp.Reject, pp.Have, pp.HaveAll, pp.Bitfield, pp.Piece:
	default:
		return
	}
	p := r.find(&pc.Peer)
	if p == nil {
		return
	}
	switch m.Type {
	case pp.Choke:
		p.choked = true
	case pp.Unchoke:
		p.choked = false
	case pp.AllowedFast:
		if len(p.fast) < 64 {
			if p.fast == nil {
				p.fast = make(map[int]bool)
			}
			p.fast[int(m.Index)] = true
		}
	case pp.Reject:
		i := blockOf(pc.Torrent(), m)
		if i < 0 {
			break
		}
		if b := block(i); len(p.inflight) > 0 && !p.inflight[b].at.IsZero() {
			p.refuse(b, time.Now())
		} else {
			delete(p.refused, b) // the answer to a cancel: from now on it can be asked again
		}
	case pp.Piece:
		p.swarm.bytes += int64(len(m.Piece))
		p.swarm.waste += int64(len(m.Piece))
		return
	}
	p.swarm.signal()
}

func (r *registry) onSent(e torrent.PeerRequestEvent) {
	p := r.find(e.Peer)
	if p == nil {
		return
	}
	now := time.Now()
	if len(p.inflight) == 0 {
		p.asked = now
	}
	p.inflight[indexOf(e.Peer.Torrent(), int(e.Index), int(e.Begin))] = p.pace.onSend(now, len(p.inflight))
}

func (r *registry) onDeleted(e torrent.PeerRequestEvent) {
	p := r.find(e.Peer)
	if p == nil {
		return
	}
	delete(p.inflight, indexOf(e.Peer.Torrent(), int(e.Index), int(e.Begin)))
	if len(p.inflight) <= p.window()*3/4 {
		p.swarm.signal()
	}
}

func (r *registry) onReceived(e torrent.PeerMessageEvent) {
	p := r.find(e.Peer)
	if p == nil {
		return
	}
	now := time.Now()
	p.lastData, p.strikes, p.bench = now, 0, time.Time{}
	if s, ok := p.inflight[indexOf(e.Peer.Torrent(), int(e.Message.Index), int(e.Message.Begin))]; ok {
		p.pace.onReceive(now, s, len(e.Message.Piece))
	}
}

func (r *registry) onUseful(e torrent.ReceivedUsefulDataEvent) {
	if p := r.find(e.Peer); p != nil {
		p.useful += int64(len(e.Message.Piece))
		p.swarm.waste -= int64(len(e.Message.Piece))
		return
	}
	// A web seed: it is no connection of the peer protocol, and its blocks arrive without a message.
	if s := r.sets[e.Peer.Torrent()]; s != nil {
		s.bytes += int64(len(e.Message.Piece))
		s.signal()
	}
}

// indexOf is the block at offset begin of a piece.
func indexOf(t *torrent.Torrent, piece, begin int) block {
	return block(piece)*blocksPerPiece(t) + block(begin/blockSize)
}

// blockOf is the block that m speaks of, or -1.
func blockOf(t *torrent.Torrent, m *pp.Message) int64 {
	info := t.Info()
	if info == nil || info.PieceLength <= 0 || int64(m.Index) >= int64(info.NumPieces()) {
		return -1
	}
	return int64(indexOf(t, int(m.Index), int(m.Begin)))
}

func blocksPerPiece(t *torrent.Torrent) block {
	return block((t.Info().PieceLength + blockSize - 1) / blockSize)
}
