package bittorrent

import (
	"time"

	"github.com/anacrolix/torrent"
)

// maxRedialTime is the longest pause between two tries to reach known peers, while nobody has told the list of files.
const maxRedialTime = 4 * time.Second

// awaitInfo waits until the library has the info dictionary, and reports whether it has. Peers that refused us at first are tried
// again meanwhile, ever more rarely, and connections that are stuck are ended.
func (s *swarm) awaitInfo() bool {
	wait := redialTime
	timer := time.NewTimer(wait)
	defer timer.Stop()
	heard := make(map[*torrent.PeerConn]progress)
	for {
		select {
		case <-s.life.Done():
			return false
		case <-s.t.Closed():
			return false
		case <-s.t.GotInfo():
			return true
		case <-timer.C:
		}
		s.endSilent(heard, time.Now())
		if s.lonely() {
			s.redial()
		}
		wait = min(2*wait, maxRedialTime)
		timer.Reset(wait)
	}
}

// progress is how many bytes a connection had received, and since when.
type progress struct {
	bytes int64
	since time.Time
}

// endSilent ends connections over which nothing has come for a while, although we have asked for the list of files: a NAT or a
// tunnel that has lost one way of it stays like that, and the next connection to the same peer works.
func (s *swarm) endSilent(heard map[*torrent.PeerConn]progress, now time.Time) {
	clientLock(s.b.client)
	peers := s.set.pick(func(*peer) bool { return true })
	clientUnlock(s.b.client)
	open := make(map[*torrent.PeerConn]bool, len(peers))
	for _, p := range peers {
		open[p.conn] = true
		stats := p.conn.Stats()
		n := stats.BytesRead.Int64()
		if was, ok := heard[p.conn]; !ok || was.bytes != n {
			heard[p.conn] = progress{n, now}
		} else if now.Sub(was.since) > silentTime {
			s.log.Debug("ending a connection that tells no list of files", "peer", p.conn.RemoteAddr)
			p.conn.Close()
		}
	}
	for conn := range heard {
		if !open[conn] {
			delete(heard, conn)
		}
	}
}

// lonely reports whether nobody is connected.
func (s *swarm) lonely() bool {
	clientLock(s.b.client)
	defer clientUnlock(s.b.client)
	return len(s.set.peers) == 0
}
