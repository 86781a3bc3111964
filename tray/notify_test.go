package tray

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
)

// A fakeDesk remembers what it was to show. With a gate it takes one note for each token.
type fakeDesk struct {
	mu      sync.Mutex
	notes   []ready
	gate    chan struct{}
	fails   bool
	clicked func()
	closed  bool
}

func (d *fakeDesk) show(ctx context.Context, n ready) error {
	if d.gate != nil {
		select {
		case <-d.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, n)
	if d.fails {
		return errors.New("no server")
	}
	return nil
}

func (d *fakeDesk) close() { d.closed = true }

func (d *fakeDesk) titles() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var titles []string
	for _, n := range d.notes {
		titles = append(titles, n.title)
	}
	return strings.Join(titles, ", ")
}

func (d *fakeDesk) notifier(o NotifierOptions) *Notifier {
	return newNotifier(o, func(_ assets.Language, clicked func()) desk {
		d.clicked = clicked
		return d
	})
}

func TestOneOfAKindAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDesk{fails: true} // what failed counts, or a broken desktop would be asked all the time
		n := d.notifier(NotifierOptions{On: true, Language: assets.Speak()})
		check := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := d.titles(); got != want {
				t.Errorf("after %v: %q, want %q", time.Since(bubbleStart), got, want)
			}
			d.notes = nil
		}
		n.Show(SiteWaits("https://a.example"))
		n.Show(SiteWaits("https://b.example"))
		n.Show(PortTaken("7788", ""))
		check("https://a.example waits for your answer, Port 7788 is taken")
		time.Sleep(noteEvery - time.Second)
		n.Show(SiteWaits("https://b.example"))
		n.Show(DiskLow(1<<20, 1<<30))
		check("The disk is nearly full")
		time.Sleep(time.Second)
		n.Show(SiteWaits("https://b.example"))
		n.Show(SiteWaits("https://c.example"))
		check("https://b.example waits for your answer")

		n.SetOn(false)
		n.Show(QuotaFull(10 << 30))
		check("")
		n.SetOn(true)
		n.Show(QuotaFull(10 << 30)) // what was not shown does not count
		check("No space for new content")

		n.Show(Note{})
		check("")
		n.Show(Recycled(3 << 30))
		check("3 GiB freed")

		n.Close()
		n.Show(FirstStart(true))
		check("")
		if !d.closed {
			t.Error("the desk is still open")
		}
	})
}

var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of the clock in a bubble

// A desktop that hangs blocks nobody, and Close gives up what waits.
func TestShowNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDesk{gate: make(chan struct{})}
		n := d.notifier(NotifierOptions{On: true, Language: assets.Speak()})
		before := time.Now()
		for range 3 * noteQueue {
			for _, note := range allNotes() {
				n.Show(note)
			}
			time.Sleep(noteEvery)
		}
		if took := time.Since(before); took != 3*noteQueue*noteEvery {
			t.Errorf("Show took %v", took-3*noteQueue*noteEvery)
		}
		n.Close()
		if got := d.titles(); got != "" {
			t.Errorf("%q was shown", got)
		}
	})
}

// Ask waits for what becomes of a note, and for no desktop longer than it is told to. What is not shown is no yes.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			does string
			on   bool
			took time.Duration
			want bool
		}{
			{"nothing", true, time.Minute, false},
			{"yes", true, time.Second, true},
			{"gone", true, time.Second, false},
			{"fails", true, 0, false},
			{"off", false, 0, false},
		} {
			d := &fakeDesk{fails: c.does == "fails"}
			n := d.notifier(NotifierOptions{On: c.on, Language: assets.Speak()})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			time.AfterFunc(time.Second, func() {
				if c.does == "yes" || c.does == "gone" {
					d.mu.Lock()
					defer d.mu.Unlock()
					d.notes[0].says(c.does == "yes")
					d.notes[0].says(false) // a note goes after a click
				}
			})
			before := time.Now()
			yes := n.Ask(ctx, PortTaken("7788", "nginx process 17"))
			if took := time.Since(before); yes != c.want || took != c.took {
				t.Errorf("%s: %v after %v", c.does, yes, took)
			}
			time.Sleep(time.Second)
			cancel()
			n.Close()
		}
	})
}

// Close waits for what a click started.
func TestCloseWaitsForOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := false
		d := &fakeDesk{}
		n := d.notifier(NotifierOptions{On: true, Language: assets.Speak(), Open: func() {
			time.Sleep(time.Minute)
			opened = true
		}})
		synctest.Wait()
		d.clicked()
		n.Close()
		if !opened {
			t.Error("Close did not wait")
		}
	})
}

func allNotes() []Note {
	return []Note{
		FirstStart(true), FirstStart(false), DiskLow(100<<20, 1<<30), QuotaFull(10 << 30), Recycled(2 << 30), PortTaken("7788", ""), SiteWaits("https://a.example"), HiddenNetwork("http://a.onion"),
		DiskLow(1<<20, 0), PortTaken("7788", "nginx process 17"), NotStarted("the disk is broken", ""), NotStarted("the disk is broken", "/var/log"),
	}
}

func TestNotesInAllLanguages(t *testing.T) {
	for _, tag := range languageTags {
		l := assets.Speak(tag)
		for _, note := range allNotes() {
			var values []string
			if note.values != nil {
				values = note.values(l)
			}
			title, text := l.Text(note.title, values...), l.Text(note.text, values...)
			for _, name := range []string{note.action, note.without} {
				if more := l.Text(name, values...); name != "" && (more == name || strings.ContainsAny(more, "{}")) {
					t.Errorf("%s: %q", tag, more)
				}
			}
			if strings.ContainsAny(title+text, "{}") || title == note.title || text == note.text {
				t.Errorf("%s: %q, %q", tag, title, text)
			}
			if n := len([]rune(title)); n > 64 { // what Windows shows of a title
				t.Errorf("%s: %q has %d characters", tag, title, n)
			}
		}
	}
}

// What a stranger chose is only text, also where a note goes through a shell.
func TestHarmless(t *testing.T) {
	hostile := "]]></text><action/>$(calc)`calc`\"@ '; & | \\u0041 %COMSPEC%\r\n\"@\n"
	got := harmless(hostile)
	if strings.ContainsAny(got, "<>&\"'`$\\\r\n") {
		t.Errorf("%q", got)
	}
	for _, tag := range languageTags {
		for name, text := range map[string]string{"text": assets.Speak(tag).Text("note.first.tray"), "quoted": assets.Speak(tag).Text("note.port.text")} {
			if got := harmless(text); len([]rune(got)) != len([]rune(text)) {
				t.Errorf("%s: %s became %q", tag, name, got)
			}
		}
	}
}
