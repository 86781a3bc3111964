package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Who has the port is told from who answers there.
func TestWhoAnswers(t *testing.T) {
	checkGoroutines(t)
	r := try(t, t.TempDir(), nil)
	port, err := parseAddr(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	want := "http://localhost:" + strconv.Itoa(int(port)) + "/"
	if version, page, ok := WhoAnswers(t.Context(), port); !ok || version != "v9.9.9" || page != want {
		t.Errorf("the program: %q %q %v", version, page, ok)
	}

	other := options(t, t.TempDir())
	other.Config.Addr = r.addr
	err = Run(t.Context(), other)
	var taken *PortTakenError
	if !errors.Is(err, ErrPortTaken) || !errors.As(err, &taken) || taken.Port != port {
		t.Fatalf("a second Run on the port: %v", err)
	}
	if owner := " process " + strconv.Itoa(os.Getpid()); runtime.GOOS == "linux" && !strings.HasSuffix(taken.Owner, owner) {
		t.Errorf("the owner is %q, want %q", taken.Owner, owner)
	}

	for name, answer := range map[string]http.HandlerFunc{
		"another program": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"program":"other"}`)) },
		"no JSON":         func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`<html>universal-p2p`)) },
		"no": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"program":"universal-p2p"}`, http.StatusForbidden)
		},
		"elsewhere": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, want+"api/v0/instance", http.StatusFound)
		},
		"endless": func(w http.ResponseWriter, req *http.Request) {
			for req.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
					return
				}
			}
		},
	} {
		srv := httptest.NewServer(answer)
		n, err := strconv.Atoi(srv.URL[strings.LastIndexByte(srv.URL, ':')+1:])
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := WhoAnswers(t.Context(), uint16(n)); ok {
			t.Errorf("%s: taken for the program", name)
		}
		srv.CloseClientConnections()
		srv.Close()
	}
	if _, _, ok := WhoAnswers(t.Context(), 1); ok {
		t.Error("nobody was taken for the program")
	}
}

// Somebody who listens and says nothing does not keep the user waiting.
func TestWhoAnswersSilence(t *testing.T) {
	checkGoroutines(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	start := time.Now()
	if _, _, ok := WhoAnswers(t.Context(), port); ok || time.Since(start) > whoTime+5*time.Second {
		t.Errorf("%v after %v", ok, time.Since(start))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start = time.Now()
	if _, _, ok := WhoAnswers(ctx, port); ok || time.Since(start) > whoTime {
		t.Errorf("cancelled: %v after %v", ok, time.Since(start))
	}
}

func TestNextPort(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:7788": "127.0.0.1:7789", "[::1]:7788": "[::1]:7789", "localhost:65534": "localhost:65535",
		"localhost:65535": "", "127.0.0.1:0": "", "nowhere": "",
	} {
		c := Config{Addr: addr}
		if ok := c.NextPort(); ok != (want != "") || ok && c.Addr != want || !ok && c.Addr != addr {
			t.Errorf("%s: %s, %v", addr, c.Addr, ok)
		}
	}
}
