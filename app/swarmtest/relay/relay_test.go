package relay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// target accepts connections, sends payload on each and then echoes.
func target(t *testing.T, payload []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Write(payload)
				io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

func listen(t *testing.T, target string, w Wire) (*Relay, net.Conn) {
	t.Helper()
	r, err := Listen("127.0.0.1:0", target, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return r, c
}

func TestRateAndDelay(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 32<<10) // 512 KiB
	r, c := listen(t, target(t, payload), Wire{Rate: Mbit(8), Delay: 50 * time.Millisecond})
	start := time.Now()
	one := make([]byte, 1)
	if _, err := io.ReadFull(c, one); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 150*time.Millisecond { // handshake there and back, then one way
		t.Errorf("first byte after %v, before the wire allows it", d)
	}
	got := make([]byte, len(payload)-1)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, payload[1:]) {
		t.Error("the wire changed the bytes")
	}
	if d, want := time.Since(start), 500*time.Millisecond; d < want {
		t.Errorf("512 KiB at 1 MB/s took %v", d)
	}
	if r.Down() != int64(len(payload)) {
		t.Errorf("Down() = %d, want %d", r.Down(), len(payload))
	}
}

func TestSilence(t *testing.T) {
	r, c := listen(t, target(t, nil), Wire{})
	buf := make([]byte, 4)
	r.Silence(true)
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := c.Read(buf); err == nil {
		t.Fatalf("read %q through a silent wire", buf[:n])
	}
	if r.Up() != 4 {
		t.Errorf("Up() = %d: silence is of the target only", r.Up())
	}
	r.Silence(false)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "ping" {
		t.Errorf("after the silence: %q, %v", buf, err)
	}
}

// Both ends see the other one leave, and Close ends what is still open.
func TestClose(t *testing.T) {
	r, c := listen(t, target(t, []byte("x")), Wire{Rate: Mbit(1), Delay: time.Millisecond})
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlived the relay")
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("the connection was left open")
	}
}

func TestRefuse(t *testing.T) {
	r, err := Listen("127.0.0.1:0", target(t, []byte("x")), Wire{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Refuse(2)
	for i := range 3 {
		c, err := net.Dial("tcp", r.Addr())
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = io.ReadFull(c, make([]byte, 1))
		c.Close()
		if refused := err != nil; refused != (i < 2) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}
