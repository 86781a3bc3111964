package bittorrent_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	pp "github.com/anacrolix/torrent/peer_protocol"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A liar is a peer that has an info dictionary and nothing else (BEP 9, BEP 10). What is sound in it is only its hash.
type liar struct {
	info []byte
	addr string
}

func (l *liar) root() stream.Root {
	hash := sha1.Sum(l.info)
	return stream.Root{ID: hex.EncodeToString(hash[:]), Hints: url.Values{"x.pe": {l.addr}}}
}

func newLiar(t *testing.T, info string) *liar {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{[]byte(info), ln.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { c.Close() })
			wg.Go(func() {
				defer c.Close()
				l.talk(c)
			})
		}
	})
	return l
}

// talk tells the info dictionary and then that it has all pieces, until the other side hangs up.
func (l *liar) talk(c net.Conn) error {
	r := bufio.NewReader(c)
	var hello [68]byte
	if _, err := io.ReadFull(r, hello[:]); err != nil {
		return err
	}
	if hello[0] != 19 {
		return errors.New("obfuscated")
	}
	copy(hello[48:], "-XX0000-liarliarliar") // reserved bits and infohash as they came
	if _, err := c.Write(hello[:]); err != nil {
		return err
	}
	write := func(m pp.Message) { c.Write(m.MustMarshalBinary()) }
	const ours = 7
	write(pp.Message{Type: pp.Extended, ExtendedPayload: bencode.MustMarshal(pp.ExtendedHandshakeMessage{
		M: map[pp.ExtensionName]pp.ExtensionNumber{pp.ExtensionNameMetadata: ours}, MetadataSize: len(l.info),
	})})
	var theirs pp.ExtensionNumber
	d := pp.Decoder{R: r, MaxLength: 1 << 20}
	for {
		var m pp.Message
		if err := d.Decode(&m); err != nil {
			return err
		}
		switch {
		case m.Type != pp.Extended || m.Keepalive:
		case m.ExtendedID == pp.HandshakeExtendedID:
			var h pp.ExtendedHandshakeMessage
			if err := bencode.Unmarshal(m.ExtendedPayload, &h); err != nil {
				return err
			}
			theirs = h.M[pp.ExtensionNameMetadata]
		case m.ExtendedID == ours:
			var req pp.ExtendedMetadataRequestMsg
			if err := bencode.Unmarshal(m.ExtendedPayload, &req); err != nil {
				return err
			}
			part := l.info[req.Piece<<14:]
			req.Type, req.TotalSize = pp.DataMetadataExtensionMsgType, len(l.info)
			write(pp.Message{Type: pp.Extended, ExtendedID: theirs, ExtendedPayload: append(bencode.MustMarshal(req), part[:min(len(part), 1<<14)]...)})
			if req.Piece == (len(l.info)-1)>>14 {
				write(pp.Message{Type: pp.HaveAll})
				write(pp.Message{Type: pp.Unchoke})
			}
		}
	}
}

// An info dictionary that peers tell may be a small one of very many pieces, on which the library would work for minutes with
// all torrents waiting, and in gigabytes of memory.
func TestHostileInfo(t *testing.T) {
	str := func(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }
	leaf := func(size int64) string {
		return fmt.Sprintf("d0:d6:lengthi%de11:pieces root32:%see", size, strings.Repeat("r", 32))
	}
	v2 := func(tree string) string {
		return "d9:file treed" + tree + "e12:meta versioni2e4:name1:n12:piece lengthi16384ee"
	}
	v1 := func(pieceLength, length string, pieces int) string {
		return "d6:lengthi" + length + "e4:name1:n12:piece lengthi" + pieceLength + "e6:pieces" + str(strings.Repeat("h", 20*pieces)) + "e"
	}
	many := ""
	for i := range 5000 {
		many += str(fmt.Sprintf("%05d", i)) + leaf(16384*3300)
	}
	for name, info := range map[string]string{
		"many pieces":           v2("1:a" + leaf(16384<<24)),
		"many files and pieces": v2(many),
		"no piece length":       v1("0", "0", 5),
		"long pieces":           v1("4294967296", "20000", 1),
		"no pieces":             v1("16384", "0", 0),
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newBackend(t, t.TempDir(), 64<<20, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			start := time.Now()
			if _, err := b.Open(ctx, newLiar(t, info).root()); !errors.Is(err, stream.ErrBadMetainfo) {
				t.Error(err)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
