package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/tray"
)

// noteTime is how long a program that did not start stays for the note that says so.
const noteTime = time.Minute

// toldFlag is a flag for the program that is started by a command in a terminal.
const toldFlag = "told"

// unseen reports whether the program did not start, on a desktop, and nobody sees what it says on stderr.
func (s *launch) unseen(stderr io.Writer) bool {
	return !s.up && !s.flags.headless && !s.flags.told && !isTerminal(stderr)
}

// isTerminal reports whether somebody sees what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// tell shows a note about why the program did not start, until the user has seen it. It reports whether the next port that is free is
// good as well.
func (s *launch) tell(ctx context.Context, err error) (anyPort bool) {
	if ctx.Err() != nil {
		return false
	}
	// Without a log: stderr has the one line that says why, also where there can be no notes.
	o := tray.NotifierOptions{Language: assets.Speak(tray.Languages()...), On: !s.quiet}
	logs := ""
	if s.log != nil && s.log.Broken == nil && s.at.instead == nil { // a temporary one goes with the program
		logs = s.at.logs
	}
	n := tray.NewNotifier(o)
	defer n.Close()
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	if taken, ok := errors.AsType[*app.PortTakenError](err); ok {
		return n.Ask(ctx, tray.PortTaken(strconv.Itoa(int(taken.Port)), taken.Owner))
	}
	n.Ask(ctx, tray.NotStarted(oneLine(err), logs))
	return false
}
