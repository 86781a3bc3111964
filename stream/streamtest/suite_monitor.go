package streamtest

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
)

// testMonitor looks at what is told of a root that is searched for, of one that is open, and of one that is read.
func (e *env) testMonitor(t *testing.T) {
	b, ok := e.backend.(stream.Monitor)
	if !ok {
		t.Skip("no Monitor")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- openErr(ctx, e.backend, e.Absent) }()
	e.until(t, "Activities has a root that is being opened", func() error {
		if a, ok := activityOf(b, e.Absent); !ok || a.Found || a.Have != nil || a.Size != 0 {
			return fmt.Errorf("%+v, %v", a, ok)
		}
		return nil
	})
	cancel()
	e.within(t, "Open after its cancellation", func() error { return wantErr(<-done, context.Canceled) })

	tree := e.open(t)
	var size int64
	for f, err := range tree.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		size += f.Size()
	}
	r, err := lookup(t, tree, big).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	e.until(t, "Activities has a root that is read", func() error {
		a, ok := activityOf(b, tree.ID())
		switch {
		case !ok || !a.Found || a.Name != tree.Name() || a.Size != size:
			return fmt.Errorf("%+v, want the name %q and %d bytes", a, tree.Name(), size)
		case a.Readers == 0 || len(a.Reading) != a.Readers || a.Received == 0:
			return fmt.Errorf("%+v, want a reader that has received something", a)
		}
		return wellFormed(a)
	})
}

func activityOf(b stream.Monitor, id string) (stream.Activity, bool) {
	for _, a := range b.Activities() {
		if a.Root == id {
			return a, true
		}
	}
	return stream.Activity{}, false
}

// wellFormed checks the bounds of what a picture is made of.
func wellFormed(a stream.Activity) error {
	if n := len(a.Have); n == 0 || n > stream.MaxHave {
		return fmt.Errorf("what is here has %d parts", n)
	}
	any := false
	for _, part := range a.Have {
		any = any || part > 0
	}
	if !any {
		return fmt.Errorf("nothing is here of what was read")
	}
	for _, at := range a.Reading {
		if at < 0 || at > 1 {
			return fmt.Errorf("a reader is at %g", at)
		}
	}
	return nil
}

// testRecognize pastes what names the root of the fixture, and what names none.
func (e *env) testRecognize(t *testing.T) {
	b, ok := e.backend.(stream.Recognizer)
	if !ok {
		t.Skip("no Recognizer")
	}
	id := e.open(t).ID()
	if e.Names {
		id = e.root.ID
	}
	for _, text := range []string{e.root.ID, id, " " + id + "\n"} {
		if root, path, ok := b.Recognize(text); !ok || root.ID != id || path != "" {
			t.Errorf("Recognize(%q) = %+v, %q, %v, want %s", text, root, path, ok, id)
		}
	}
	for _, text := range append([]string{"", " ", "no such thing", "https://example.org/" + id, "mailto:" + id}, e.BadRoots...) {
		if root, _, ok := b.Recognize(text); ok {
			t.Errorf("Recognize(%q) = %+v", text, root)
		}
	}
}
