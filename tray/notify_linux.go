package tray

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/zeronetscript/universal_p2p/assets"
)

const (
	noteServer = "org.freedesktop.Notifications"
	notePath   = "/org/freedesktop/Notifications"
	noteID     = "universal-p2p" // of the desktop entry that installers bring

	actionOpen, actionYes = "default", "yes" // keys of actions; the first is a click on the note itself
)

// A busDesk shows notes by the Desktop Notifications Specification
// (https://specifications.freedesktop.org/notification-spec/latest/). It is on the bus from its first note on, by a connection of
// its own. It needs no other way: whatever else shows notes on Linux asks the same server. A library that does so has no timeout,
// starts a bus where there is none, and cannot be clicked on.
type busDesk struct {
	language assets.Language
	clicked  func()
	image    noteImage

	conn *dbus.Conn     // nil before the first note
	wg   sync.WaitGroup // the reader of the connection's signals

	mu    sync.Mutex
	shown map[uint32]ready // notes that are there to be clicked on, by id
}

// A noteImage is the hint image-data: width, height, row stride, alpha, bits a sample, samples, RGBA bytes.
type noteImage struct {
	Width, Height, Stride int32
	Alpha                 bool
	Bits, Samples         int32
	Data                  []byte
}

func newDesk(l assets.Language, clicked func()) desk {
	return &busDesk{language: l, clicked: clicked, image: appImage(), shown: make(map[uint32]ready)}
}

// appImage is the icon of the program.
func appImage() noteImage {
	img, err := png.Decode(bytes.NewReader(assets.AppIcon()))
	if err != nil {
		panic(err) // it is embedded
	}
	// The bytes are not premultiplied.
	pix := image.NewNRGBA(img.Bounds())
	draw.Draw(pix, pix.Rect, img, img.Bounds().Min, draw.Src)
	return noteImage{int32(pix.Rect.Dx()), int32(pix.Rect.Dy()), int32(pix.Stride), true, 8, 4, pix.Pix}
}

func (d *busDesk) show(ctx context.Context, n ready) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	server := d.conn.Object(noteServer, notePath)
	var can []string
	if err := server.CallWithContext(ctx, noteServer+".GetCapabilities", 0).Store(&can); err != nil {
		return fmt.Errorf("notification server: %w", err)
	}
	title, text := n.title, n.text
	buttons := slices.Contains(can, "actions")
	if !buttons && n.without != "" {
		text += " " + n.without
	}
	if !slices.Contains(can, "body") {
		title, text = title+". "+text, ""
	}
	if slices.Contains(can, "body-markup") {
		text = escapeMarkup(text)
	}
	var actions []string
	switch {
	case !buttons:
	case n.action != "":
		actions = []string{actionYes, n.action}
	case n.answer == nil: // who waits for an answer has no page yet
		actions = []string{actionOpen, d.language.Text("tray.open")}
	}
	hints := map[string]dbus.Variant{
		"desktop-entry": dbus.MakeVariant(noteID),
		"image-data":    dbus.MakeVariant(d.image),
		"urgency":       dbus.MakeVariant(byte(1)),
	}
	// A click may be told before the answer to this is; it waits for the lock then.
	d.mu.Lock()
	defer d.mu.Unlock()
	var id uint32
	err := server.CallWithContext(ctx, noteServer+".Notify", 0, "Universal P2P", uint32(0), noteID, title, text, actions, hints, int32(-1)).Store(&id)
	if err != nil {
		return fmt.Errorf("notification server: %w", err)
	}
	d.shown[id] = n
	return nil
}

// connect makes sure that there is a connection and that its signals are read.
func (d *busDesk) connect(ctx context.Context) error {
	if d.conn != nil && d.conn.Connected() {
		return nil
	}
	d.close()                                           // it may have died
	conn, _, err := dialBus(context.WithoutCancel(ctx)) // it outlives this note
	if err != nil {
		return err
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals) // closed with the connection
	matchCtx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	if err := conn.AddMatchSignalContext(matchCtx, dbus.WithMatchInterface(noteServer), dbus.WithMatchObjectPath(notePath)); err != nil {
		conn.Close()
		return fmt.Errorf("session bus: %w", err)
	}
	d.conn = conn
	clear(d.shown)
	d.wg.Go(func() {
		for s := range signals {
			d.signal(s)
		}
	})
	return nil
}

// signal takes in what became of a note. The server tells it of the notes of all programs.
func (d *busDesk) signal(s *dbus.Signal) {
	if len(s.Body) < 2 {
		return
	}
	id, ok := s.Body[0].(uint32)
	if !ok {
		return
	}
	d.mu.Lock()
	n, ours := d.shown[id]
	if s.Name == noteServer+".NotificationClosed" {
		delete(d.shown, id)
	}
	d.mu.Unlock()
	switch {
	case !ours:
	case s.Name == noteServer+".NotificationClosed":
		n.says(false)
	case s.Name != noteServer+".ActionInvoked":
	case s.Body[1] == actionYes:
		n.says(n.action != "")
	case s.Body[1] == actionOpen && n.answer == nil:
		d.clicked()
	}
}

func (d *busDesk) close() {
	if d.conn != nil {
		d.conn.Close()
	}
	d.wg.Wait()
	d.conn = nil
}

// escapeMarkup keeps text from being taken for markup.
func escapeMarkup(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
