package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"gopkg.in/natefinch/lumberjack.v2"
)

// A Log is where messages go: stderr, and a file that is turned over at 5 MiB; three old ones stay.
//
// It belongs to the process, not to a Run: close it last. (lumberjack starts one goroutine that lives as long as the process;
// natefinch/lumberjack#56.)
type Log struct {
	*slog.Logger
	// Broken says why there is no file, or is nil. Messages go to stderr alone then: a program that cannot write its log is still of
	// use.
	Broken error
	// Crashed is the file with what the last run said when it crashed, or empty. It is told once.
	Crashed string

	file *lumberjack.Logger
}

const (
	logFile   = "universal-p2p.log"
	crashFile = "crash.log"
	crashKept = "crash-before.log"
)

// OpenLog opens the log in the folder dir, which is made when it is not there, for messages of level and above.
func OpenLog(dir string, level slog.Level, stderr io.Writer) *Log {
	l := &Log{}
	to := stderr
	name := filepath.Join(dir, logFile)
	if l.Broken = tryLog(name); l.Broken == nil {
		l.file = &lumberjack.Logger{Filename: name, MaxSize: 5, MaxBackups: 3} // MiB, files
		to = tee{stderr, l.file}
		l.Crashed = lastCrash(dir)
	}
	l.Logger = slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level}))
	return l
}

// tryLog finds out whether there can be a log.
func tryLog(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("log folder: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return f.Close()
}

// lastCrash puts away what the last run said when it crashed, and returns the file that has it, or "" when it did not.
func lastCrash(dir string) string {
	name, kept := filepath.Join(dir, crashFile), filepath.Join(dir, crashKept)
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return ""
	}
	if err := os.Rename(name, kept); err != nil {
		return ""
	}
	return kept
}

// CatchCrashes has the Go runtime write what it says about a crash of this process into a file in the log folder dir as well: most people
// start the program where nobody sees its stderr.
func CatchCrashes(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, crashFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("crash log: %w", err)
	}
	return errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // the runtime has a handle of its own
}

// Problems adds to p what is wrong with the log, and what it knows of the last run.
func (l *Log) Problems(p *Problems) {
	if l.Broken != nil {
		p.Set("log", "There is no log file: "+l.Broken.Error()+".", "reason", l.Broken.Error())
	}
	if l.Crashed != "" {
		p.Set("crash", "The program crashed the last time it ran. What it said is in "+l.Crashed+".", "file", l.Crashed)
	}
}

// Ended notes in the file alone what the program ended with: on stderr the command line says it itself, where there is one.
func (l *Log) Ended(err error) {
	if err != nil && l.file != nil {
		slog.New(slog.NewTextHandler(l.file, nil)).Error("the program ends", "err", err)
	}
}

// Close closes the file. Messages go on to stderr, and open the file again.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// A tee writes to all of its writers, whatever becomes of one: a full disk does not silence stderr, nor a closed terminal the
// file.
type tee []io.Writer

func (t tee) Write(p []byte) (int, error) {
	var errs []error
	for _, w := range t {
		if _, err := w.Write(p); err != nil {
			errs = append(errs, err)
		}
	}
	return len(p), errors.Join(errs...)
}
