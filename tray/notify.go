package tray

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
)

const (
	// noteEvery is how often there is a note of one kind at most.
	noteEvery = time.Hour
	// noteQueue is how many notes wait for a slow desktop. There are not more kinds than that.
	noteQueue = 8
	// nameMost is how many characters of a name that a stranger may have chosen are shown, and reasonMost of a reason.
	nameMost, reasonMost = 60, 400
)

// A Note is something that the user should know. It is made by one of the functions below.
type Note struct {
	kind        noteKind
	title, text string // names of texts
	action      string // name of the text on its button, which alone says yes; "" when there is none
	without     string // name of a text to add where there can be no button
	values      func(assets.Language) []string
}

// A noteKind is what at most one note an hour is about.
type noteKind string

// FirstStart says that the program runs, and where it is to be found: behind its icon, or not.
func FirstStart(icon bool) Note {
	n := Note{kind: "first", title: "note.first", text: "note.first.notray"}
	if icon {
		n.text = "note.first.tray"
	}
	return n
}

// DiskLow says that the disk has only free bytes left, which may be fewer than the reserve.
func DiskLow(free, reserve int64) Note {
	n := Note{kind: "disk", title: "note.disk", text: "note.disk.text"}
	if free >= reserve {
		n.text = "note.disk.full"
	}
	n.values = func(l assets.Language) []string { return []string{"free", l.Size(free), "reserve", l.Size(reserve)} }
	return n
}

// QuotaFull says that new content fails because nothing of the quota, in bytes, can be recycled.
func QuotaFull(quota int64) Note {
	return Note{kind: "quota", title: "note.quota", text: "note.quota.text", values: func(l assets.Language) []string {
		return []string{"quota", l.Size(quota)}
	}}
}

// Recycled says that so many bytes went by themselves.
func Recycled(bytes int64) Note {
	return Note{kind: "recycled", title: "note.recycled", text: "note.recycled.text", values: func(l assets.Language) []string {
		return []string{"size", l.Size(bytes)}
	}}
}

// PortTaken says that another program has the port, as in "7788", and who that is, unless it is "". It asks whether to take the next one.
func PortTaken(port, owner string) Note {
	n := Note{kind: "port", title: "note.port", text: "note.port.text", action: "note.port.use", without: "note.port.command"}
	if owner != "" {
		n.text = "note.port.owner"
	}
	n.values = func(assets.Language) []string { return []string{"port", port, "owner", oneLine(owner, nameMost)} }
	return n
}

// NotStarted says why the program does not run, and in which folder its log says so too; "" when it is in none.
func NotStarted(reason, logs string) Note {
	n := Note{kind: "failed", title: "note.failed", text: "note.failed.text"}
	if logs != "" {
		n.text = "note.failed.log"
	}
	n.values = func(assets.Language) []string { return []string{"reason", oneLine(reason, reasonMost), "folder", logs} }
	return n
}

// SiteWaits says that a site gets nothing before the user allows it.
func SiteWaits(site string) Note {
	return Note{kind: "site", title: "note.site", text: "note.site.text", values: siteName(site)}
}

// HiddenNetwork says that a page of a hidden network (.onion, .i2p) asked for something, and what that tells about its visitors.
func HiddenNetwork(site string) Note {
	return Note{kind: "hidden", title: "note.hidden", text: "site.overlay", values: siteName(site)}
}

func siteName(site string) func(assets.Language) []string {
	return func(assets.Language) []string { return []string{"site", oneLine(site, nameMost)} }
}

// NotifierOptions is what a Notifier needs. Open and Log may be left out.
type NotifierOptions struct {
	Language assets.Language
	On       bool   // at the start
	Open     func() // the user clicked on a note; called on a goroutine of its own. Linux only
	Log      *slog.Logger
}

// A Notifier shows notes as the desktop does it, also where there is no icon. Its methods are safe for concurrent use.
type Notifier struct {
	o     NotifierOptions
	queue chan ready
	stop  context.CancelFunc
	wg    sync.WaitGroup // the goroutine, and calls of Open

	mu     sync.Mutex
	on     bool
	closed bool
	last   map[noteKind]time.Time
}

// A ready note has its words.
type ready struct {
	kind            noteKind
	title, text     string
	action, without string
	answer          chan bool // when somebody waits for one; holds the first
}

// says gives the answer to a note, if somebody waits for one and there was none before.
func (r ready) says(yes bool) {
	select {
	case r.answer <- yes: // never without a channel
	default:
	}
}

// A desk is a way to show notes. Only the Notifier's goroutine uses it.
type desk interface {
	// show shows a note; it may take some seconds, but not after ctx has ended. It sees to the answer to one that it shows.
	show(ctx context.Context, n ready) error
	// close returns when nothing is left of the desk.
	close()
}

// NewNotifier starts a Notifier. Close ends it.
func NewNotifier(o NotifierOptions) *Notifier { return newNotifier(o, newDesk) }

func newNotifier(o NotifierOptions, newDesk func(l assets.Language, clicked func()) desk) *Notifier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &Notifier{o: o, queue: make(chan ready, noteQueue), stop: stop, on: o.On, last: make(map[noteKind]time.Time)}
	n.wg.Go(func() {
		n.run(ctx, newDesk(o.Language, func() {
			if o.Open != nil {
				n.wg.Go(o.Open)
			}
		}))
	})
	return n
}

// SetOn switches notes on or off.
func (n *Notifier) SetOn(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on = on
}

// Show shows a note, unless notes are off or there was one of its kind within the last hour. It never blocks, and says nothing of what
// comes of it: a desktop may show no notes at all.
func (n *Notifier) Show(note Note) { n.show(note, nil) }

// Ask shows a note as Show does and waits until it is gone from the desktop, or ctx ends. It reports whether the user has clicked on
// its button. Where nobody can tell what becomes of a note it returns when the note is there. A program that ends because of what a
// note says stays for it: some desktops take away the notes of those that have left.
func (n *Notifier) Ask(ctx context.Context, note Note) (yes bool) {
	answer := make(chan bool, 1)
	if !n.show(note, answer) {
		return false
	}
	select {
	case yes = <-answer:
		return yes
	case <-ctx.Done():
		return false
	}
}

// show puts a note in the queue, or reports that it is not shown.
func (n *Notifier) show(note Note, answer chan bool) bool {
	if note.kind == "" {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	last, ok := n.last[note.kind]
	// A clock that was set back must not silence a kind for longer.
	if !n.on || n.closed || ok && now.Sub(last) < noteEvery && !now.Before(last) {
		return false
	}
	select {
	case n.queue <- n.words(note, answer):
		n.last[note.kind] = now
		return true
	default:
		n.o.Log.Warn("notification: too many wait", "kind", note.kind)
		return false
	}
}

// words gives a note its words.
func (n *Notifier) words(note Note, answer chan bool) ready {
	var values []string
	if note.values != nil {
		values = note.values(n.o.Language)
	}
	text := func(name string) string {
		if name == "" {
			return ""
		}
		return n.o.Language.Text(name, values...)
	}
	return ready{note.kind, text(note.title), text(note.text), text(note.action), text(note.without), answer}
}

// Close ends the Notifier and waits for it, and for calls of Open that are under way. A note that is being shown is given up.
func (n *Notifier) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.stop()
	n.wg.Wait()
}

// run shows one note after the other.
func (n *Notifier) run(ctx context.Context, d desk) {
	defer d.close()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-n.queue:
			err := d.show(ctx, r)
			if err == nil {
				continue
			}
			r.says(false)
			if !errors.Is(err, context.Canceled) {
				n.o.Log.Info("notification not shown: "+r.title, "err", err)
			}
		}
	}
}

// harmless returns text without any character that means something to XML, AppleScript, PowerShell or a shell. On Windows and macOS
// notes go through these, and what stands in a note (the name of a site) may be chosen by a stranger.
func harmless(text string) string {
	return strings.NewReplacer("<", "‹", ">", "›", "&", "＆", `"`, "”", "'", "’", "`", "’", "$", "＄", `\`, "∕", "\n", " ", "\r", " ").Replace(text)
}
