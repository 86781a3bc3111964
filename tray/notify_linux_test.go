package tray

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/zeronetscript/universal_p2p/assets"
)

// A fakeServer shows notes, as a desktop does.
type fakeServer struct {
	conn  *dbus.Conn
	can   []string
	notes chan servedNote
	next  atomic.Uint32
	early atomic.Bool // the click is told before Notify answers
	mute  atomic.Bool // Notify answers only after unmute is closed

	unmute chan struct{}
}

type servedNote struct {
	id          uint32
	app, icon   string
	title, text string
	actions     []string
	hints       map[string]dbus.Variant
}

// GetCapabilities is called by the bus.
func (s *fakeServer) GetCapabilities() ([]string, *dbus.Error) { return s.can, nil }

// Notify is called by the bus.
func (s *fakeServer) Notify(app string, replaces uint32, icon, title, text string, actions []string, hints map[string]dbus.Variant, expire int32) (uint32, *dbus.Error) {
	if s.mute.Load() {
		<-s.unmute
	}
	if replaces != 0 || expire != -1 {
		return 0, dbus.MakeFailedError(errors.New("not what we send"))
	}
	id := s.next.Add(1)
	if s.early.Load() {
		s.click(id, "default")
	}
	s.notes <- servedNote{id, app, icon, title, text, actions, hints}
	return id, nil
}

func (s *fakeServer) click(id uint32, action string) {
	s.conn.Emit(notePath, noteServer+".ActionInvoked", id, action)
}

func newServer(b *testBus, s *fakeServer) *fakeServer {
	b.t.Helper()
	s.conn, s.notes, s.unmute = b.connect(), make(chan servedNote, 16), make(chan struct{})
	if err := s.conn.Export(s, notePath, noteServer); err != nil {
		b.t.Fatal(err)
	}
	own(b.t, s.conn, noteServer)
	return s
}

func (s *fakeServer) note(t *testing.T) servedNote {
	t.Helper()
	select {
	case n := <-s.notes:
		return n
	case <-time.After(patience):
		t.Fatal("no note came")
		return servedNote{}
	}
}

// notifier makes a Notifier on the bus, and a channel that says when the page was opened.
func notifier(t *testing.T, b *testBus) (*Notifier, chan struct{}) {
	t.Helper()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.address)
	opened := make(chan struct{}, 16)
	n := NewNotifier(NotifierOptions{On: true, Language: assets.Speak(), Open: func() { opened <- struct{}{} }})
	t.Cleanup(n.Close)
	return n, opened
}

func isOpened(t *testing.T, opened chan struct{}, want bool) {
	t.Helper()
	wait := patience
	if !want {
		wait = 100 * time.Millisecond
	}
	select {
	case <-opened:
		if !want {
			t.Error("the page was opened")
		}
	case <-time.After(wait):
		if want {
			t.Error("the page was not opened")
		}
	}
}

// A click on one of our notes opens the page; one on a note of somebody else, on another button or on a closed note does not.
func TestClickOnANoteOpens(t *testing.T) {
	bus := newBus(t)
	s := newServer(bus, &fakeServer{can: []string{"actions", "body", "body-markup"}})
	n, opened := notifier(t, bus)
	n.Show(FirstStart(true))
	note := s.note(t)
	if note.app != "Universal P2P" || note.icon != "universal-p2p" || note.title != "Universal P2P is running" || !slices.Equal(note.actions, []string{"default", "Open"}) {
		t.Errorf("%+v", note)
	}
	var img noteImage
	if err := note.hints["image-data"].Store(&img); err != nil || img.Width != 64 || img.Height != 64 || !img.Alpha || len(img.Data) != int(img.Stride*img.Height) || img.Stride != 4*64 {
		t.Errorf("the picture is %d by %d, %v", img.Width, img.Height, err)
	}
	s.click(note.id+100, "default")
	s.click(note.id, "settings")
	isOpened(t, opened, false)
	s.click(note.id, "default")
	isOpened(t, opened, true)
	s.conn.Emit(notePath, noteServer+".NotificationClosed", note.id, uint32(2))
	s.click(note.id, "default")
	isOpened(t, opened, false)

	s.early.Store(true)
	n.Show(QuotaFull(10 << 30))
	s.note(t)
	isOpened(t, opened, true)
}

// The button of a note that asks says yes; the note itself, which anybody clicks away, does not, and opens no page. Where there are no
// buttons the words say what to do.
func TestButton(t *testing.T) {
	for _, c := range []struct {
		does string
		want bool
	}{{"yes", true}, {"default", false}, {"closed", false}, {"no buttons", false}} {
		bus := newBus(t)
		can := []string{"body", "actions"}
		if c.does == "no buttons" {
			can = can[:1]
		}
		s := newServer(bus, &fakeServer{can: can})
		n, opened := notifier(t, bus)
		answer := make(chan bool, 1)
		go func() { answer <- n.Ask(t.Context(), PortTaken("7788", "nginx process 17")) }()
		note := s.note(t)
		buttons := []string{"yes", "Use the next free port"}
		if c.does == "no buttons" {
			buttons = nil
		}
		if !slices.Equal(note.actions, buttons) || !strings.Contains(note.text, "nginx process 17 uses it") || strings.Contains(note.text, "--any-port") != (buttons == nil) {
			t.Errorf("%s: %+v", c.does, note)
		}
		time.Sleep(50 * time.Millisecond) // until the answer to Notify is there
		if c.does == "yes" || c.does == "default" {
			s.click(note.id, c.does)
		}
		s.conn.Emit(notePath, noteServer+".NotificationClosed", note.id, uint32(2))
		select {
		case yes := <-answer:
			if yes != c.want {
				t.Errorf("%s: %v", c.does, yes)
			}
		case <-time.After(patience):
			t.Errorf("%s: no answer", c.does)
		}
		isOpened(t, opened, false)
	}
}

// What a stranger chose never becomes markup, and a server without markup gets it as it is.
func TestNotesAreNoMarkup(t *testing.T) {
	for _, c := range []struct {
		can         []string
		title, text string
		actions     int
	}{
		{[]string{"body", "body-markup"}, "<b>&x</b> is on a hidden network", "1 &lt;2&gt; &amp;amp;", 0},
		{[]string{"body", "actions"}, "<b>&x</b> is on a hidden network", "1 <2> &amp;", 2},
		{nil, "<b>&x</b> is on a hidden network. 1 <2> &amp;", "", 0},
	} {
		bus := newBus(t)
		s := newServer(bus, &fakeServer{can: c.can})
		n, _ := notifier(t, bus)
		note := HiddenNetwork("<b>&x</b>\n")
		note.text = "1 <2> &amp;"
		n.Show(note)
		if got := s.note(t); got.title != c.title || got.text != c.text || len(got.actions) != c.actions {
			t.Errorf("%q: %q, %q, %q", c.can, got.title, got.text, got.actions)
		}
		n.Close()
	}
}

// Notes work again after the server or the whole bus was gone, and a server that hangs holds up neither Show nor Close.
func TestNotesWithoutServer(t *testing.T) {
	bus := newBus(t)
	n, _ := notifier(t, bus)
	n.Show(DiskLow(1, 2))
	time.Sleep(100 * time.Millisecond) // it fails
	s := newServer(bus, &fakeServer{can: []string{"body"}})
	n.Show(QuotaFull(1))
	s.note(t)
	bus.kill()
	n.Show(PortTaken("7788", ""))
	time.Sleep(100 * time.Millisecond)
	bus = newBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
	s = newServer(bus, &fakeServer{can: []string{"body"}})
	n.Show(SiteWaits("https://a.example"))
	s.note(t)
	s.mute.Store(true)
	n.Show(FirstStart(false))
	n.Show(Recycled(2 << 30))
	time.Sleep(50 * time.Millisecond)
	before := time.Now()
	n.Close()
	if took := time.Since(before); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	close(s.unmute)
}
