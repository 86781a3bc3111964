//go:build linux

package swarmtest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The tracker is named by a web page, so what it says is not to be trusted: it must not steer our sockets into the
// network of the user, nor learn the user's addresses in it, nor make us use up the machine.
func TestWebTorrentHostile(t *testing.T) {
	t.Parallel()
	inNamespace(t, nil, func(t *testing.T) {
		// An address that is good for trackers and peers.
		if out, err := exec.CommandContext(t.Context(), "ip", "addr", "add", publicAddr+"/32", "dev", "web0").CombinedOutput(); err != nil {
			t.Fatalf("ip addr add: %v %s", err, out)
		}
		t.Run("private addresses", testWebPrivate)
		t.Run("many offers", testWebOffers)
		t.Run("endless message", testWebEndless)
	})
}

const publicAddr = "45.0.0.1"

// A peer offers to be reached in the user's own network.
func testWebPrivate(t *testing.T) {
	for _, local := range []bool{false, true} {
		t.Run(fmt.Sprintf("allowed %v", local), func(t *testing.T) {
			var touched atomic.Int64
			var candidates []string
			for _, host := range []string{namespaceAddr, "127.0.0.1"} {
				udp, tcp := doorbell(t, host, &touched)
				candidates = append(candidates,
					fmt.Sprintf("a=candidate:%d 1 udp 2130706431 %s %d typ host", udp, host, udp),
					fmt.Sprintf("a=candidate:%d 1 tcp 1518280447 %s %d typ host tcptype passive", tcp, host, tcp))
			}
			peer := newHostile(t, func(c *websocket.Conn, m wsMessage) { sendOffer(t, c, m, 0, candidates...) })
			p := startWeb(t, settings{ForeignPeers: !local}, true)
			peer.lure(p)
			eventually(t, 20*time.Second, "the program answers the offer", func() bool { return peer.answer.Load() != nil })
			time.Sleep(2 * time.Second)
			if n := touched.Load(); n > 0 != local {
				t.Errorf("%d packets or connections came to private addresses", n)
			}
			for _, sdp := range []string{*peer.offer.Load(), *peer.answer.Load()} {
				found := regexp.MustCompile(`a=candidate:.*`).FindAllString(sdp, -1)
				t.Logf("%q", found)
				if strings.Contains(sdp, namespaceAddr) != local {
					t.Errorf("the private address is told: %q", found)
				}
				if !strings.Contains(sdp, publicAddr) {
					t.Errorf("the public address is not told: %q", found)
				}
			}
		})
	}
}

// doorbell counts what comes to two ports of host.
func doorbell(t *testing.T, host string, touched *atomic.Int64) (udp, tcp int) {
	t.Helper()
	u, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close(); l.Close() })
	go func() {
		b := make([]byte, 2000)
		for {
			if _, _, err := u.ReadFrom(b); err != nil {
				return
			}
			touched.Add(1)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			touched.Add(1)
			c.Close()
		}
	}()
	return u.LocalAddr().(*net.UDPAddr).Port, l.Addr().(*net.TCPAddr).Port
}

// A tracker sends one offer after the other, for each of which the program opens sockets.
func testWebOffers(t *testing.T) {
	peer := newHostile(t, func(c *websocket.Conn, m wsMessage) {
		for i := range 20000 {
			if !sendOffer(t, c, m, i) {
				return
			}
		}
	})
	p := startWeb(t, settings{}, true)
	peer.lure(p)
	p.staysWithin(t, 12*time.Second, 400, 128*kib)
}

// A tracker sends a message without an end.
func testWebEndless(t *testing.T) {
	peer := newHostile(t, func(c *websocket.Conn, _ wsMessage) {
		w, err := c.Writer(t.Context(), websocket.MessageText)
		for err == nil {
			_, err = w.Write(make([]byte, mib))
		}
	})
	p := startWeb(t, settings{}, true)
	peer.lure(p)
	p.staysWithin(t, 5*time.Second, 100, 64*kib)
}

// staysWithin looks at how many files the program has open and how much memory it has, and fails when it is more than allowed.
func (p *program) staysWithin(t *testing.T, span time.Duration, files int, residentKibibytes int64) {
	t.Helper()
	var mostFiles int
	var mostMemory int64
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.pid()), "fd"))
		if err != nil {
			t.Fatal(err)
		}
		mostFiles, mostMemory = max(mostFiles, len(open)), max(mostMemory, residentKiB(t, p.pid()))
		if mostMemory > 16*residentKibibytes {
			break
		}
	}
	t.Logf("up to %d open files, %d KiB", mostFiles, mostMemory)
	if mostFiles > files {
		t.Errorf("%d open files, want %d or less", mostFiles, files)
	}
	if mostMemory > residentKibibytes && !raced() {
		t.Errorf("%d KiB of memory, want %d or less", mostMemory, residentKibibytes)
	}
}

// A hostile is a tracker that does what it likes with the first announce of a connection.
type hostile struct {
	url           string
	offer, answer atomic.Pointer[string] // the first of the program
}

func newHostile(t *testing.T, act func(*websocket.Conn, wsMessage)) *hostile {
	t.Helper()
	h := &hostile{}
	l, err := net.Listen("tcp", net.JoinHostPort(publicAddr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(mib)
		for first := true; ; first = false {
			_, data, err := c.Read(t.Context())
			if err != nil {
				return
			}
			var m wsMessage
			if json.Unmarshal(data, &m) != nil {
				continue
			}
			if m.Answer != nil {
				h.answer.CompareAndSwap(nil, &m.Answer.SDP)
			}
			if len(m.Offers) > 0 {
				h.offer.CompareAndSwap(nil, &m.Offers[0].Offer.SDP)
			}
			if first {
				go act(c, m)
			}
		}
	}))
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	h.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	return h
}

// lure has the program ask the tracker, as a page could.
func (h *hostile) lure(p *program) {
	p.t.Helper()
	r := &fetch{URL: p.stream("1234567890123456789012345678901234567890", "a.mp4", "tr", h.url)}
	go r.do(p.t.Context(), nil)
}

// sendOffer offers a peer at the candidates, and reports whether that could be sent.
func sendOffer(t *testing.T, c *websocket.Conn, announce wsMessage, n int, candidates ...string) bool {
	lines := append([]string{"v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx",
		"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), "a=setup:actpass", "a=mid:0", "a=sctp-port:5000"},
		candidates...)
	data, err := json.Marshal(wsMessage{Action: "announce", InfoHash: announce.InfoHash, PeerID: "-XX0000-000000000000",
		OfferID: hex.EncodeToString(fmt.Appendf(nil, "%010d", n)), Offer: &wsSDP{"offer", strings.Join(lines, "\r\n") + "\r\n"}})
	return err == nil && c.Write(t.Context(), websocket.MessageText, data) == nil
}
