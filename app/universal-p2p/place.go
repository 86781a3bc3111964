package main

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/zeronetscript/universal_p2p/app"
)

// A place is where a run keeps what it writes.
type place struct {
	data, logs string // folders
	// instead is why data is a temporary folder, or nil: the ordinary one cannot be used. A folder that the user has named is never
	// passed over.
	instead error
}

// place finds out where a run can keep what it writes.
func (f *common) place() (p place, err error) {
	if f.dataDir != "" {
		return place{data: f.dataDir, logs: app.LogDir(f.dataDir)}, nil
	}
	if p.data, err = app.DefaultDataDir(); err != nil {
		return p, err
	}
	if p.logs, err = app.DefaultLogDir(); err != nil {
		return p, err
	}
	if p.instead = app.TryDataDir(p.data); p.instead == nil {
		return p, nil
	}
	if p.data, err = app.TemporaryDataDir(); err != nil {
		return p, fmt.Errorf("data folder: %w; nor is there another: %w", p.instead, err)
	}
	return p, nil
}

// openLog opens the log, which is with the data when there is nowhere else to keep it.
func (p *place) openLog(level slog.Level, stderr io.Writer) *app.Log {
	log := app.OpenLog(p.logs, level, stderr)
	if log.Broken != nil && p.instead != nil {
		p.logs = app.LogDir(p.data)
		log = app.OpenLog(p.logs, level, stderr)
	}
	return log
}

// problem says what is wrong with the place.
func (p place) problem(to *app.Problems) {
	if p.instead == nil {
		return
	}
	why := p.instead.Error()
	to.Set("temporary", "Nothing is kept: what the program has and what you decide is in "+p.data+", and goes when it ends ("+why+"). "+
		"Give yourself the right to write there, or name another folder with --data-dir, and start it again.", "folder", p.data, "reason", why)
}

// leave removes what was only for this run.
func (p place) leave() error {
	if p.instead == nil {
		return nil
	}
	if err := app.RemoveTemporary(p.data); err != nil {
		return fmt.Errorf("temporary data folder: %w", err)
	}
	return nil
}

// absoluteConfig is the config file by its full name: the program need not stay in this folder.
func (f *common) absoluteConfig() (string, error) {
	file, _, err := f.configFile()
	if err != nil {
		return "", err
	}
	return filepath.Abs(file)
}
