package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
)

func newRun(f *common) *cobra.Command {
	var headless, autostart bool
	var level string
	c := &cobra.Command{
		Use:   "run",
		Short: "Start the program and stay until it is told to quit",
		Long: `Start the program and stay until it is told to quit, by Ctrl-C or by the command "quit".

When the program runs already on the same data folder, its page is opened instead.`,
		Args: takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			o, closer, err := f.options(level, c.ErrOrStderr())
			if err != nil {
				return err
			}
			addr, page, err := runOrFind(c.Context(), o)
			err = errors.Join(err, closer.Close())
			switch {
			case err != nil || page == "" || autostart:
				return err
			case headless:
				fmt.Fprintf(c.ErrOrStderr(), "universal-p2p: it runs already, at http://%s\n", addr)
				return nil
			}
			_, err = openBrowser(page) // somebody clicked its icon again and wants to see it
			return err
		},
	}
	fl := c.Flags()
	fl.BoolVar(&headless, "headless", false, "never open a window or a browser")
	fl.BoolVar(&autostart, "autostart", false, "started at login, not by hand: stay silent when the program runs already")
	fl.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return c
}

// options is what the command line and the config file say for a run. The caller closes the log in the end.
func (f *common) options(level string, stderr io.Writer) (app.Options, io.Closer, error) {
	cfg, err := f.settings()
	if err != nil {
		return app.Options{}, nil, err
	}
	file, _, err := f.configFile()
	if err != nil {
		return app.Options{}, nil, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return app.Options{}, nil, err
	}
	dir, err := f.folder()
	if err != nil {
		return app.Options{}, nil, err
	}
	log, closer, err := openLog(dir, level, stderr)
	if err != nil {
		return app.Options{}, nil, err
	}
	return app.Options{
		Config: cfg, ConfigFile: file, DataDir: dir, Version: version(), Protocols: app.Protocols(), Log: log,
	}, closer, nil
}

func openLog(dir, level string, stderr io.Writer) (*slog.Logger, io.Closer, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, usagef("--log-level: %q is none of debug, info, warn and error", level)
	}
	return app.OpenLog(dir, l, stderr)
}

// patience is how long a program that has the data folder gets to answer, or to let go of it: one that ends gives the answers
// under way some seconds.
const patience = 12 * time.Second

// runOrFind runs the program. When another one runs already on the data folder, it returns where that one answers and its page
// instead. One that only starts has not said yet where it is, and one that ends does not answer any more and makes room: both
// are tried until patience ends.
func runOrFind(ctx context.Context, o app.Options) (addr, page string, err error) {
	asking, cancel := context.WithTimeout(ctx, patience) // app.Run is not bound by it
	defer cancel()
	for {
		if err := app.Run(ctx, o); !errors.Is(err, app.ErrRunning) {
			return "", "", err
		}
		if addr, page, err = ask(asking, o.DataDir); err == nil {
			return addr, page, nil
		}
		select {
		case <-ctx.Done():
			return "", "", ctx.Err()
		case <-asking.Done():
			if errors.Is(err, app.ErrNotRunning) || errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("the data folder %s is in use, but nobody answers; end that program, or name another folder with --data-dir", o.DataDir)
			}
			return "", "", err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ask asks the program that has the data folder for its page.
func ask(ctx context.Context, dir string) (addr, page string, err error) {
	client, err := app.Dial(dir)
	if err != nil {
		return "", "", err
	}
	page, err = client.Page(ctx)
	return client.Addr(), page, err
}
