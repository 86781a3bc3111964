//go:build linux || windows || (darwin && cgo)

package tray

import (
	"context"
	"fmt"
	"sync"
	"time"

	"fyne.io/systray"

	"github.com/zeronetscript/universal_p2p/assets"
)

const (
	// clicks is how many clicks an item holds while its action runs. The library drops one that nobody takes at once.
	clicks = 256
	// figuresEvery is how often the menu follows figures that change all the time.
	figuresEvery = 2 * time.Second
	// settled is when the icon is said once more. What is set while the library makes itself known to the desktop may get lost
	// (https://github.com/fyne-io/systray/pull/122).
	settled = time.Second
)

// show runs the library until ctx ends or somebody ends the program by way of its window, as Windows does. looks brings what the
// icon is to be drawn for. It returns when all goroutines that it started have ended.
func (t *Tray) show(ctx context.Context, look assets.IconLook, looks <-chan assets.IconLook) (err error) {
	ctx, stop := context.WithCancel(ctx)
	p := &painter{t: t, look: look, looks: looks}
	ready, built := make(chan struct{}), make(chan struct{})
	end := ender(ready)
	if early {
		registerPicture()
		systray.SetTitle("Universal P2P") // becomes the Id of the item, if it comes before Run
		p.drawIcon(true)
	}
	p.wg.Go(func() {
		defer end()
		select {
		case <-ready:
			p.build(ctx)
			close(built)
			p.loop(ctx)
		case <-ctx.Done():
			close(built)
		}
	})
	defer p.wg.Wait()
	defer stop()
	defer func() {
		if v := recover(); v != nil { // it closes a connection that it has not got
			err = fmt.Errorf("the tray library: %v", v)
		}
	}()
	systray.Run(func() { close(ready); <-built }, func() {
		if ctx.Err() == nil {
			t.o.Actions.Quit()
		}
	})
	return nil
}

// A painter owns what the library shows. All of it runs on one goroutine, but for the clicks.
type painter struct {
	t     *Tray
	look  assets.IconLook
	looks <-chan assets.IconLook
	wg    sync.WaitGroup

	state   State  // that is shown
	items   []item // that are shown
	entries map[string]*systray.MenuItem
	icon    assets.IconState
	tooltip string
}

// build makes the menu, and a goroutine for every item that can be clicked.
func (p *painter) build(ctx context.Context) {
	p.state = p.t.current()
	p.items = menu(p.state, p.t.o.Language)
	p.entries = make(map[string]*systray.MenuItem)
	for _, it := range p.items {
		p.add(ctx, it, nil)
	}
	p.drawIcon(true)
}

func (p *painter) add(ctx context.Context, it item, parent *systray.MenuItem) {
	label := escapeLabel(it.label)
	var e *systray.MenuItem
	switch {
	case it.kind == separator:
		systray.AddSeparator()
		return
	case it.kind == check:
		e = systray.AddMenuItemCheckbox(label, "", it.checked)
	case parent != nil:
		e = parent.AddSubMenuItem(label, "")
	default:
		e = systray.AddMenuItem(label, "")
	}
	p.entries[it.id] = e
	if it.disabled || it.kind == line {
		e.Disable()
	}
	for _, child := range it.items {
		p.add(ctx, child, e)
	}
	if it.hidden {
		e.Hide()
	}
	if do := p.t.o.Actions.does(it.id, p.t.current); do != nil {
		// The menu is not seen before all of it is built, so nobody has clicked yet.
		clicked := make(chan struct{}, clicks)
		e.ClickedCh = clicked
		p.wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-clicked:
					do()
				}
			}
		})
	}
}

// loop draws what changes until ctx ends.
func (p *painter) loop(ctx context.Context) {
	again := time.NewTimer(settled)
	defer again.Stop()
	var last time.Time
	var late <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			p.drawIcon(true)
			continue
		case p.look = <-p.looks:
			p.drawIcon(true)
			continue
		case <-late:
		case <-p.t.changed:
			if wait := figuresEvery - time.Since(last); wait > 0 && onlyFigures(p.state, p.t.current()) {
				if late == nil {
					late = time.After(wait)
				}
				continue
			}
		}
		last, late = time.Now(), nil
		p.draw()
	}
}

// draw shows the state.
func (p *painter) draw() {
	p.state = p.t.current()
	items := menu(p.state, p.t.o.Language)
	changes(p.items, items, p.update)
	p.items = items
	p.drawIcon(false)
}

// update changes one item. One that is hidden is left alone until it is shown, because on Windows any change would show it.
func (p *painter) update(was, is item) {
	e := p.entries[is.id]
	if is.hidden {
		if !was.hidden {
			e.Hide()
		}
		return
	}
	if was.label != is.label || was.hidden {
		e.SetTitle(escapeLabel(is.label))
	}
	if was.checked != is.checked {
		if is.checked {
			e.Check()
		} else {
			e.Uncheck()
		}
	}
	if was.disabled != is.disabled {
		if is.disabled {
			e.Disable()
		} else {
			e.Enable()
		}
	}
	if was.hidden {
		e.Show()
	}
}

// drawIcon shows the icon and its tooltip, when they differ or in any case.
func (p *painter) drawIcon(always bool) {
	defer func() {
		if v := recover(); v != nil { // the bus has gone; whoever watches it ends the loop
			p.t.o.Log.Debug("tray: the icon cannot be changed", "err", v)
		}
	}()
	s := p.t.current()
	if tip := tooltip(s, p.t.o.Language); always || tip != p.tooltip {
		p.tooltip = tip
		systray.SetTooltip(tip)
	}
	if i := icon(s); always || i != p.icon {
		p.icon = i
		b := picture(assets.TrayIcon(i, p.look))
		if p.look == assets.IconTemplate {
			systray.SetTemplateIcon(b, b)
		} else {
			systray.SetIcon(b)
		}
	}
}
