package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/store"
)

// A fullBackend has room for nothing.
type fullBackend struct{}

func (fullBackend) Open(context.Context, stream.Root) (stream.Tree, error) {
	return nil, stream.ErrNoSpace
}
func (fullBackend) Close() error { return nil }

// What fails for want of room is told with the reason: it is the disk that is full, or the quota.
func TestNoRoomIsTold(t *testing.T) {
	for _, c := range []struct {
		name    string
		reserve int64
		want    NoteKind
	}{
		{"the quota", 0, NoteFull},
		{"the disk", 1 << 60, NoteDiskLow},
	} {
		t.Run(c.name, func(t *testing.T) {
			notes := make(chan Note, 16)
			r := try(t, t.TempDir(), func(o *Options) {
				o.Config.Quota, o.Config.Reserve = minQuota, c.reserve
				o.Notify = func(n Note) { notes <- n }
				o.Protocols = []Protocol{{Name: "mem", Version: "v0", Start: func(context.Context, Env) (stream.Backend, error) { return fullBackend{}, nil }}}
			})
			if code, body := get(t, r.addr, "/mem/v0/stream/abc/hello.txt"); code != 507 || !strings.Contains(body, "full") {
				t.Errorf("%d %q", code, body)
			}
			if len(notes) != 1 {
				t.Fatalf("%d notes", len(notes))
			}
			if n := <-notes; n.What != c.want || c.want == NoteDiskLow && n.Bytes <= 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// A disk that is fuller than the quota is to blame also when nothing is reserved.
func TestWhatIsFull(t *testing.T) {
	for _, c := range []struct {
		name string
		use  store.Usage
		want bool // the disk
	}{
		{"quota used up", store.Usage{Used: 10 << 30, Quota: 10 << 30, Reserve: 1 << 30, Free: 50 << 30}, false},
		{"a little over the quota", store.Usage{Used: 11 << 30, Quota: 10 << 30, Reserve: 1 << 30, Free: 50 << 30}, false},
		{"reserve gone", store.Usage{Used: 11 << 30, Quota: 10 << 30, Reserve: 1 << 30, Free: 1 << 29}, true},
		{"reserve reached", store.Usage{Used: 1 << 30, Quota: 10 << 30, Reserve: 1 << 30, Free: 1<<30 + 4096}, true},
		{"no reserve", store.Usage{Used: 1 << 30, Quota: 10 << 30, Free: 0}, true},
		{"the disk does not say", store.Usage{Used: 1 << 30, Quota: 10 << 30, Reserve: 1 << 30, Free: -1}, false},
	} {
		if got := diskFull(c.use); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// What goes by itself is told when it is more than a gigabyte, and only then.
func TestRecycledIsTold(t *testing.T) {
	var notes []Note
	st, err := store.Open(t.TempDir(), store.Options{Quota: minQuota})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	d := &desk{store: st, changed: func() {}, log: slog.New(slog.DiscardHandler)}
	for _, freed := range []int64{0, 1e9, noteRecycled, noteRecycled + 1} {
		d.recycled(freed, func(n Note) { notes = append(notes, n) })
	}
	if len(notes) != 1 || notes[0] != (Note{What: NoteRecycled, Bytes: 1<<30 + 1}) {
		t.Errorf("%+v", notes)
	}
}
