//go:build linux

package swarmtest

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A pest makes requests as nobody should: some are nearly right, some are noise.
type pest struct {
	*rand.Rand
	addr string
	hash string // of a torrent that is there
}

func (p *pest) of(list ...string) string { return list[p.IntN(len(list))] }

func (p *pest) noise(n int) string {
	b := make([]byte, p.IntN(n+1))
	for i := range b {
		b[i] = byte(p.IntN(256))
	}
	return string(b)
}

// word is an element of a path.
func (p *pest) word() string {
	return p.of("stream", "files", "play", "torrent", "api", "v0", "bittorrent", "video.mp4", "a.zip", "..", ".", "", "%2e%2e", "%2f", "%00", "%", "%zz",
		"%c0%af", "..%5c", "//", "%E2%80%AE", "con", "?", "#", ";a=b", "%0d%0aX:%20y", strings.Repeat("a", p.IntN(300)), strings.Repeat("%41", p.IntN(3000)),
		fmt.Sprintf("%x", p.Uint64()), "*", "~", `"><script>`, "\\", "é", "magnet:%3Fxt=urn:btih:"+p.hash, "magnet:%3F"+strings.Repeat("tr=a&", p.IntN(200)))
}

func (p *pest) root() string {
	return p.of(p.hash, strings.ToUpper(p.hash), p.hash[:39], p.hash+"0", p.hash+p.hash[:24], "magnet:%3Fxt=urn:btih:"+p.hash+"%26x.pe=127.0.0.1:1", p.word())
}

func (p *pest) path() string {
	switch p.IntN(6) {
	case 0, 1:
		return "/bittorrent/v0/" + p.of("stream", "files", "play", "torrent", p.word()) + "/" + p.root() + "/" + p.of("", "video.mp4", p.word(), p.word()+"/"+p.word())
	case 2:
		return "/api/v0/" + p.of("ping", "login", "logout", "link", "open", "sites", "history", "rule", "forget", "search", "status", "recycle", "keep", "quit", "token",
			"overview", "recycle/root", "settings", "events", "site/items", "site/prefetch", "site/prioritise", "site/drop", p.word())
	case 3:
		return "/" + p.word() + "/" + p.word() + "/" + p.word()
	case 4:
		return p.of("*", "http://"+p.addr+"/", "http://evil.example/", "", "/", "/favicon.ico", "/robots.txt", "/bittorrent/v0/torrent", "//evil.example/")
	}
	return "/" + strings.ReplaceAll(p.noise(100), " ", "%20")
}

func (p *pest) query() string {
	return p.of("", "", "?as=vtt", "?as=m3u", "?in=a.zip", "?in=../x", "?s="+p.word(), "?x.pe=127.0.0.1:"+strconv.Itoa(p.IntN(70000)), "?tr=http://169.254.169.254/",
		"?ws=http://[::1]:7788/&tr="+p.word(), "?dn="+strings.Repeat("%ff", 400), "?"+p.noise(60), "?"+strings.Repeat("tr=udp://a:1&", p.IntN(300)))
}

func (p *pest) header() string {
	n := p.Int64()
	switch p.IntN(12) {
	case 0, 1, 2:
		return "Range: " + p.of("bytes=0-", "bytes=-1", "bytes=5-1", "bytes=0-0,1-1", fmt.Sprintf("bytes=%d-%d", n, n+1), "bytes="+strings.Repeat("0-1,", p.IntN(900))+"2-3",
			"bytes=99999999999999999999-", "bytes=--1", "lines=1-2", "bytes", "bytes=0-"+p.noise(8), fmt.Sprintf("bytes=%d-", p.IntN(3<<20)))
	case 3:
		return "Origin: " + p.of("null", "https://a.example", "http://localhost:1", "http://"+p.addr, "file://", p.noise(20), strings.Repeat("x", 4000))
	case 4:
		return "Referer: " + p.of("https://a.example/x", "http://127.0.0.1:43110/1abc/", "javascript:alert(1)", p.noise(40))
	case 5:
		return "Sec-Fetch-Dest: " + p.of("video", "audio", "image", "script", "document", "iframe", "empty", "worker", p.noise(8))
	case 6:
		return "Sec-Fetch-Site: " + p.of("same-origin", "same-site", "cross-site", "none", p.noise(8))
	case 7:
		return "Authorization: " + p.of("Bearer ", "Bearer "+p.noise(64), "Basic YTpi", "Bearer "+strings.Repeat("A", 5000))
	case 8:
		return p.of("If-None-Match: *", "If-Match: *", `If-Range: "x"`, "If-Modified-Since: never", "If-None-Match: "+p.noise(30))
	case 9:
		return p.of("Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Expect: 100-continue",
			"Connection: close", "Upgrade: websocket", "Content-Type: application/json", "Service-Worker: script")
	case 10:
		return "Cookie: " + strings.Repeat("a=b; ", p.IntN(500))
	}
	if p.IntN(10) > 0 {
		return "Accept: */*"
	}
	return p.noise(20) + ": " + p.noise(40)
}

// request is the bytes of one.
func (p *pest) request() []byte {
	var b bytes.Buffer
	method := p.of("GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "OPTIONS", "POST", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "get", "BREW", p.noise(10))
	fmt.Fprintf(&b, "%s %s%s %s\r\n", method, p.path(), p.query(), p.of(strings.Split(strings.Repeat("HTTP/1.1 ", 30)+"HTTP/1.0 HTTP/9.9 X", " ")...))
	host := p.addr
	if p.IntN(4) == 0 {
		_, port, _ := net.SplitHostPort(p.addr)
		host = p.of("evil.example", "localhost:"+port, "[::1]:"+port, "127.0.0.1", "", p.hash+".bittorrent.localhost:"+port, "x.bittorrent.localhost:"+port,
			"LOCALHOST:"+port, "127.0.0.1:"+port+"@evil", p.noise(30))
	}
	fmt.Fprintf(&b, "Host: %s\r\n", host)
	for range p.IntN(6) {
		b.WriteString(p.header() + "\r\n")
	}
	if p.IntN(200) == 0 {
		b.WriteString("X: " + strings.Repeat("x", 2<<20) + "\r\n")
	}
	b.WriteString("\r\n" + p.of("", "", "{}", `{"text":"magnet:?xt=urn:btih:`+p.hash+`"}`, `{"site":"`+strings.Repeat("a", 9000)+`"}`, p.noise(400), "5\r\nhello\r\n0\r\n\r\n"))
	if p.IntN(20) == 0 {
		return b.Bytes()[:p.IntN(b.Len())] // and then nothing
	}
	return b.Bytes()
}

// send sends the bytes and returns the status, or 0 when there was none in time: who names a torrent that nobody has waits for long,
// and leaves.
func (p *pest) send(raw []byte) (code int, line string) {
	c, err := net.DialTimeout("tcp", p.addr, 10*time.Second)
	if err != nil {
		return -1, err.Error()
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	c.Write(raw)
	c.(*net.TCPConn).CloseWrite()
	line, err = bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return 0, ""
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return -1, line
	}
	code, err = strconv.Atoi(fields[1])
	if err != nil {
		return -1, line
	}
	return code, line
}

// Ten thousand requests as nobody should make them: each is answered with what is meant for it, and nothing of it stays.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	turn(t)
	f := newFixture(t, 240, 2*mib+77, 64*kib, nil)
	peer := seedLibtorrent(t, f)
	p := start(t, settings{})
	p.add(f.torrent)
	whole(t, f.source, p.stream(f.hash, f.name, "x.pe", peer), time.Minute)
	files := func() int {
		open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.pid()), "fd"))
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	before := files()

	var mu sync.Mutex
	codes := make(map[int]int)
	var wg sync.WaitGroup
	for k := range 16 {
		wg.Go(func() {
			pest := &pest{rand.New(rand.NewPCG(uint64(k), 42)), p.addr, f.hash}
			for range 10_000 / 16 {
				raw := pest.request()
				code, line := pest.send(raw)
				mu.Lock()
				codes[code]++
				mu.Unlock()
				switch {
				case code == 0 || code >= 200 && code < 500:
				case code == http.StatusNotImplemented || code == http.StatusBadGateway || code == http.StatusServiceUnavailable ||
					code == http.StatusGatewayTimeout || code == http.StatusInsufficientStorage || code == http.StatusHTTPVersionNotSupported:
				default:
					t.Errorf("%q was answered with %q", excerpt(raw, 600), line)
				}
			}
		})
	}
	wg.Wait()
	t.Log(codes)
	if codes[200] == 0 || codes[400] == 0 || codes[404] == 0 || codes[421] == 0 {
		t.Errorf("the requests were not of all kinds: %v", codes)
	}
	// What waits for torrents that nobody has goes after a while, and the peers of the one that is there stay.
	eventually(t, time.Minute, "its files are closed", func() bool { return files() <= before+8 })
	if kibibytes := residentKiB(t, p.pid()); kibibytes > 120*kib && !raced() {
		t.Errorf("%d KiB of memory", kibibytes)
	}
	whole(t, f.source, p.stream(f.hash, f.name, "x.pe", peer), time.Minute)
	if n := p.goroutines(); n > 150 {
		t.Errorf("%d goroutines are left", n)
	} else {
		t.Log(n, "goroutines")
	}
}

// goroutines ends the program by the signal that has it print its goroutines, and counts them.
func (p *program) goroutines() (n int) {
	p.t.Helper()
	if err := syscall.Kill(p.pid(), syscall.SIGQUIT); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
	log, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return bytes.Count(log, []byte("\ngoroutine "))
}
