package ipfs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// A publisher has a key, and says in a router what it stands for.
type publisher struct {
	t    testing.TB
	key  crypto.PrivKey
	name ipns.Name
	seq  uint64
}

func newPublisher(t testing.TB) *publisher {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &publisher{t: t, key: key, name: ipns.NameFromPeer(id)}
}

func (p *publisher) publish(r *ipfspeer.Router, to string) {
	p.t.Helper()
	target, err := path.NewPath(to)
	if err != nil {
		p.t.Fatal(err)
	}
	p.seq++
	rec, err := ipns.NewRecord(p.key, target, p.seq, time.Now().Add(time.Hour), time.Millisecond)
	if err != nil {
		p.t.Fatal(err)
	}
	data, err := ipns.MarshalRecord(rec)
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetName(p.name.String(), data)
}

// The names keep the contract as well.
func TestNamesConformance(t *testing.T) {
	seeded := func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root) {
		p := newPeer(t)
		id, err := p.AddFolder(context.Background(), files, ipfspeer.Options{Chunk: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		r, url := newRouter(t, p)
		pub := newPublisher(t)
		pub.publish(r, "/ipfs/"+id.String())
		return newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, nil).Names(), stream.Root{ID: pub.name.String()}
	}
	streamtest.Suite{
		New: seeded, Absent: newPublisher(t).name.String(), BadRoots: []string{"localhost", "127.0.0.1", "k51q"}, Folders: true, Names: true,
	}.Run(t)
}

// slowRouter is r for those who have so much time.
func slowRouter(t testing.TB, r http.Handler, wait time.Duration) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-time.After(wait):
			r.ServeHTTP(w, req)
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// Nobody who is down holds up a name that somebody else knows.
func TestNameBesideDeadRouter(t *testing.T) {
	p := newPeer(t)
	id, err := p.AddFolder(t.Context(), map[string][]byte{"f": []byte("here")}, ipfspeer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, url := newRouter(t, p)
	pub := newPublisher(t)
	pub.publish(r, "/ipfs/"+id.String())
	dead := slowRouter(t, r, time.Hour)
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{dead, url}, func(c *ipfs.Config) {
		c.Bootstrap = []string{p.Info().Addrs[0].String() + "/p2p/" + newPublisher(t).name.Peer().String()} // nobody is there who is that
	}).Names()
	start := time.Now()
	if tree := open(t, b, pub.name.String()); tree.ID() != id.String() {
		t.Errorf("the name is %s", tree.ID())
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

// Of two records the newer one counts, whoever is faster.
func TestNewerRecord(t *testing.T) {
	p := newPeer(t)
	old, err := p.AddFolder(t.Context(), map[string][]byte{"f": []byte("old")}, ipfspeer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	young, err := p.AddFolder(t.Context(), map[string][]byte{"f": []byte("young")}, ipfspeer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	behind, _ := newRouter(t, p)
	ahead, _ := newRouter(t, p)
	pub := newPublisher(t)
	pub.publish(behind, "/ipfs/"+old.String())
	pub.publish(ahead, "/ipfs/"+young.String())
	for name, urls := range map[string][]string{
		"the newer first": {slowRouter(t, behind, 50*time.Millisecond), slowRouter(t, ahead, 0)},
		"the older first": {slowRouter(t, behind, 0), slowRouter(t, ahead, 50*time.Millisecond)},
	} {
		b := newBackend(t, newStore(t, t.TempDir(), 64<<20), urls, nil).Names()
		if tree := open(t, b, pub.name.String()); tree.ID() != young.String() {
			t.Errorf("%s: the name is %s", name, tree.ID())
		}
	}
}

// lookups is a DNS with a few TXT records.
type lookups map[string]string

func (l lookups) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) {
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

func (l lookups) LookupTXT(_ context.Context, name string) ([]string, error) {
	if txt, ok := l[strings.TrimSuffix(name, ".")]; ok {
		return []string{"v=spf1", txt}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// A name stands for what it is told, a tree that is open stays what it was, and paths behind a name are followed.
func TestNamesChange(t *testing.T) {
	p := newPeer(t)
	ctx := context.Background()
	one, err := p.AddFolder(ctx, map[string][]byte{"f": []byte("first"), "sub/g": []byte("inner")}, ipfspeer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := p.AddFolder(ctx, map[string][]byte{"f": []byte("second")}, ipfspeer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, url := newRouter(t, p)
	pub := newPublisher(t)
	pub.publish(r, "/ipfs/"+one.String())
	b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, func(c *ipfs.Config) {
		*c = ipfs.WithResolver(*c, lookups{
			"_dnslink.example.org":     "dnslink=/ipfs/" + one.String() + "/sub",
			"_dnslink.name.example":    "dnslink=/ipns/" + pub.name.String(),
			"_dnslink.a.loop.example":  "dnslink=/ipns/b.loop.example",
			"_dnslink.b.loop.example":  "dnslink=/ipns/a.loop.example",
			"_dnslink.missing.example": "dnslink=/ipfs/" + one.String() + "/nothing",
		})
	}).Names()
	first := open(t, b, pub.name.String())
	if first.ID() != one.String() || string(content(t, first, "f")) != "first" {
		t.Errorf("the name is %s", first.ID())
	}
	pub.publish(r, "/ipfs/"+two.String())
	time.Sleep(10 * time.Millisecond)
	if second := open(t, b, pub.name.String()); second.ID() != two.String() || string(content(t, second, "f")) != "second" {
		t.Errorf("the name is still %s", second.ID())
	}
	if string(content(t, first, "f")) != "first" {
		t.Error("a tree changed while it was open")
	}
	if tree := open(t, b, "example.org"); !bytes.Equal(content(t, tree, "g"), []byte("inner")) {
		t.Error("a DNSLink to a folder in a folder")
	}
	if tree := open(t, b, "name.example"); tree.ID() != two.String() {
		t.Errorf("a DNSLink to a name is %s", tree.ID())
	}
	if tree := open(t, b, one.String()); tree.ID() != one.String() {
		t.Errorf("a CID is %s", tree.ID())
	}
	for name, want := range map[string]error{"nobody.example": stream.ErrNoName, "missing.example": stream.ErrNoName, "a.loop.example": context.DeadlineExceeded} {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := b.Open(ctx, stream.Root{ID: name})
		cancel()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if !b.Names(stream.Root{ID: "example.org"}) || b.Names(stream.Root{ID: one.String()}) {
		t.Error("what is a name and what is none")
	}
}
