package tray

import (
	"reflect"
	"strings"
	"unicode"

	"github.com/zeronetscript/universal_p2p/assets"
)

// A kind is what a menu item is by its nature; it never changes.
type kind int

const (
	action kind = iota
	line        // says something and cannot be clicked
	check
	submenu
	separator
)

// An item is one line of the menu.
type item struct {
	id       string
	kind     kind
	label    string
	checked  bool
	disabled bool
	hidden   bool
	items    []item // of a submenu
}

// menu is the menu for a state. Its items are always the same ones in the same order: only labels, marks and what is hidden differ.
func menu(s State, l assets.Language) []item {
	return []item{
		{id: "used", kind: line, label: l.Text("disk.used", "used", l.Size(s.Used), "quota", l.Size(s.Quota))},
		{id: "streams", kind: line, label: streams(s, l)},
		{id: "problem", kind: line, label: oneLine(s.Problem, 80), hidden: s.Problem == ""},
		{kind: separator},
		{id: "open", label: l.Text("tray.open")},
		{id: "pause", kind: check, label: l.Text("tray.pause"), checked: s.Paused},
		{id: "free", kind: submenu, label: l.Text("tray.free"), items: []item{
			{id: "free.some", label: l.Text("tray.free.some", "size", l.Size(FreeBytes))},
			{id: "free.unused", label: l.Text("recycle.week")},
			{id: "free.all", label: l.Text("recycle.all")},
		}},
		{kind: separator},
		{id: "login", kind: check, label: l.Text("tray.login"), checked: s.Login, disabled: s.LoginFixed},
		{id: "notifications", kind: check, label: l.Text("tray.notifications"), checked: s.Notifications},
		{kind: separator},
		{id: "logs", label: l.Text("tray.logs")},
		{id: "about", label: l.Text("tray.about")},
		{id: "quit", label: l.Text("tray.quit")},
	}
}

// streams says what goes on.
func streams(s State, l assets.Language) string {
	switch {
	case s.Paused:
		return l.Text("tray.paused")
	case s.Streams == 0:
		return l.Text("tray.idle")
	default:
		return l.Count("tray.streams", s.Streams, "rate", l.Size(s.Rate))
	}
}

// tooltip is what hovering over the icon says. Windows has room for 127 characters, and Wine for 63.
func tooltip(s State, l assets.Language) string {
	text := streams(s, l)
	if s.Problem != "" {
		text = s.Problem
	}
	return "Universal P2P: " + oneLine(text, 48)
}

// icon is the icon for a state.
func icon(s State) assets.IconState {
	switch {
	case s.Problem != "":
		return assets.IconProblem
	case s.Paused:
		return assets.IconPaused
	case s.Streams > 0:
		return assets.IconStreaming
	default:
		return assets.IconIdle
	}
}

// does returns what a click on an item does. What a check mark is switched to depends on what the user sees, the state shown.
func (a Actions) does(id string, shown func() State) func() {
	switch id {
	case "open":
		return a.Open
	case "pause":
		return func() { a.Pause(!shown().Paused) }
	case "free.some":
		return func() { a.Free(FreeSome) }
	case "free.unused":
		return func() { a.Free(FreeUnused) }
	case "free.all":
		return func() { a.Free(FreeAllThere) }
	case "login":
		return func() { a.SetLogin(!shown().Login) }
	case "notifications":
		return func() { a.SetNotifications(!shown().Notifications) }
	case "logs":
		return a.OpenLogs
	case "about":
		return a.About
	case "quit":
		return a.Quit
	default:
		return nil
	}
}

// changes calls apply for every item that differs, with what it was and what it is to be.
func changes(was, is []item, apply func(was, is item)) {
	for i := range is {
		a, b := was[i], is[i]
		changes(a.items, b.items, apply)
		a.items, b.items = nil, nil
		if !reflect.DeepEqual(a, b) {
			apply(a, b)
		}
	}
}

// onlyFigures says whether nothing differs but figures that change all the time, so that the menu need not follow at once.
func onlyFigures(a, b State) bool {
	a.Used, a.Rate = b.Used, b.Rate
	return a == b
}

// oneLine makes text fit for one line of at most so many characters. What steers a terminal or turns the direction of writing is left out:
// names of files and sites are chosen by strangers.
func oneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.C), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-1]) + "…"
	}
	return text
}
