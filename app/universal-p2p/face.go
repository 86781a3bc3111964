package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/app/login"
	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream/web"
	"github.com/zeronetscript/universal_p2p/tray"
)

// A face is what is to be seen of the program outside of the browser: an icon with a menu, and notes. What the menu does it asks of
// the program as the command line would.
type face struct {
	dir   string // data folder
	logs  string // folder
	words assets.Language
	log   *slog.Logger

	tray     *tray.Tray
	shown    bool // there was an icon; for status alone, which is called by one after the other
	notes    *tray.Notifier
	problems *app.Problems
	ready    chan struct{} // closed when the program answers

	ctx  context.Context // of what the menu does
	quit context.CancelFunc

	mu    sync.Mutex
	state tray.State
	limit app.Glance // the last one
	low   int64      // bytes of disk that are left free
	first bool       // this is the first start, of which nothing has been said
}

// askTime is how long the program gets for what the menu asks of it.
const askTime = time.Minute

// withFace calls run with options that show what it does, on another goroutine: icons want the first one. It returns when run has
// returned. logs is the folder of the log. started is called once the program answers, and says whether that is for the first time.
func withFace(ctx context.Context, logs string, o app.Options, started func() (first bool), run func(context.Context, app.Options) error) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	f := &face{
		dir: o.DataDir, logs: logs, words: assets.Speak(tray.Languages()...), log: o.Log, problems: o.Problems,
		ready: make(chan struct{}), ctx: ctx, quit: quit,
		state: tray.State{Notifications: o.Config.Notifications},
	}
	f.notes = tray.NewNotifier(tray.NotifierOptions{Language: f.words, On: o.Config.Notifications, Open: f.open, Log: o.Log})
	defer f.notes.Close()
	f.tray = tray.New(tray.Options{
		Actions: tray.Actions{
			Open: f.open, Pause: f.pause, Free: f.free, SetLogin: f.setLogin, SetNotifications: f.setNotifications,
			OpenLogs: f.openLogs, About: f.about, Quit: quit,
		},
		Language: f.words, State: f.state, Log: o.Log, OnStatus: f.status,
	})
	o.Glance, o.Notify, o.Settings = f.glance, f.notify, f.settings
	o.Ready = func(string) {
		first := started()
		f.mu.Lock()
		f.first = first
		f.mu.Unlock()
		f.showLogin()
		close(f.ready)
	}

	ended := make(chan error, 1)
	go func() {
		defer quit()
		ended <- run(ctx, o)
	}()
	select {
	case <-f.ready:
		f.tray.Run(ctx)
	case <-ctx.Done():
	}
	return <-ended
}

// change changes what the icon shows.
func (f *face) change(do func(*tray.State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.state)
	f.tray.Show(f.state)
}

// glance shows what the program does.
func (f *face) glance(g app.Glance) {
	problem := ""
	for _, p := range g.Problems {
		if p.ID != problemTray { // who sees the icon has one
			problem = f.sentence(p)
			break
		}
	}
	f.change(func(s *tray.State) {
		s.Used, s.Quota, s.Streams, s.Rate, s.Paused, s.Problem = g.Used, g.Quota, g.Streams, g.Rate, g.Paused, problem
		f.limit = g
	})
}

// sentence is a problem in the user's language, if there are words for it.
func (f *face) sentence(p web.Problem) string {
	var values []string
	for name, v := range p.Values {
		switch v := v.(type) {
		case int64:
			values = append(values, name, f.words.Size(v))
		case string:
			values = append(values, name, v)
		}
	}
	if name := "problem." + p.ID; f.words.Text(name) != name {
		return f.words.Text(name, values...)
	}
	return p.Text
}

// settings follows what the user has changed.
func (f *face) settings(c app.Config) {
	f.notes.SetOn(c.Notifications)
	f.change(func(s *tray.State) {
		s.Notifications = c.Notifications
		f.low = c.Reserve
	})
}

// notify shows a note.
func (f *face) notify(n app.Note) {
	f.mu.Lock()
	quota, reserve := f.limit.Quota, f.low
	f.mu.Unlock()
	switch n.What {
	case app.NoteSiteWaits:
		f.notes.Show(tray.SiteWaits(n.Site))
	case app.NoteExposed:
		f.notes.Show(tray.HiddenNetwork(n.Site))
	case app.NoteRecycled:
		f.notes.Show(tray.Recycled(n.Bytes))
	case app.NoteDiskLow:
		f.notes.Show(tray.DiskLow(n.Bytes, reserve))
	case app.NoteFull:
		f.notes.Show(tray.QuotaFull(quota))
	}
}

// problemTray is the problem that there is no icon.
const problemTray = "notray"

// status says so when there is no icon, and at the first start where the program is to be found.
func (f *face) status(s tray.Status) {
	switch s {
	case tray.Starting:
		return
	case tray.Shown:
		f.problems.Clear(problemTray)
		f.shown = true
	case tray.Lost:
		if f.shown { // as other programs of a desktop do; one that stays would keep the next session without an icon
			f.log.Info("the desktop session has ended, and the program with it; the next login starts it again")
			f.quit()
			return
		}
		fallthrough
	default:
		f.problems.Set(problemTray, assets.Speak("en").Text("problem."+problemTray))
	}
	f.mu.Lock()
	first := f.first
	f.first = false
	f.mu.Unlock()
	if first {
		f.notes.Show(tray.FirstStart(s == tray.Shown))
	}
}

// ask asks something of the program.
func (f *face) ask(what string, do func(ctx context.Context, c *app.Client) error) {
	ctx, cancel := context.WithTimeout(f.ctx, askTime)
	defer cancel()
	c, err := app.Dial(f.dir)
	if err == nil {
		err = do(ctx, c)
	}
	if err != nil && f.ctx.Err() == nil {
		f.log.Warn("the menu cannot "+what, "err", err)
	}
}

func (f *face) open() {
	f.ask("open the page", func(ctx context.Context, c *app.Client) error {
		page, err := c.Page(ctx)
		if err != nil {
			return err
		}
		return f.browse(page)
	})
}

// about opens the page where it says what the program is.
func (f *face) about() {
	f.ask("open the page", func(ctx context.Context, c *app.Client) error {
		page, err := c.Page(ctx)
		if err != nil {
			return err
		}
		return f.browse(strings.Replace(page, "/#", "/?about#", 1))
	})
}

func (f *face) openLogs() {
	if err := f.browse(f.logs); err != nil {
		f.log.Warn("the menu cannot open the log folder", "folder", f.logs, "err", err)
	}
}

// browse opens an address or a folder. What was started for it stays as long as it likes.
func (f *face) browse(what string) error {
	wait, err := openBrowser(what)
	if err != nil {
		return err
	}
	go wait() // it belongs to the user now; at the end of this process the system takes over
	return nil
}

func (f *face) pause(on bool) {
	f.ask("pause", func(ctx context.Context, c *app.Client) error { return c.Pause(ctx, on) })
}

func (f *face) free(how tray.Freeing) {
	what := map[tray.Freeing]web.Recycle{
		tray.FreeSome:     {Free: tray.FreeBytes},
		tray.FreeUnused:   {UnusedFor: 7 * 24 * time.Hour},
		tray.FreeAllThere: {All: true},
	}[how]
	f.ask("free disk space", func(ctx context.Context, c *app.Client) error {
		_, err := c.Recycle(ctx, what)
		return err
	})
}

func (f *face) setNotifications(on bool) {
	value := "false"
	if on {
		value = "true"
	}
	f.ask("change the setting", func(ctx context.Context, c *app.Client) error { return c.Set(ctx, "notifications", value) })
}

func (f *face) setLogin(on bool) {
	item, err := loginItem()
	switch {
	case err != nil:
	case on:
		err = item.Enable()
	default:
		err = item.Disable()
	}
	if err != nil {
		f.log.Warn("the menu cannot change whether the program starts at login", "err", err)
	}
	f.showLogin()
}

// showLogin shows whether the program starts at login.
func (f *face) showLogin() {
	on, fixed := false, true
	if item, err := loginItem(); err == nil {
		status, err := item.Status()
		on, fixed = status.State == login.On, err != nil || login.Temporary(item.Exec)
	}
	f.change(func(s *tray.State) { s.Login, s.LoginFixed = on, fixed })
}
