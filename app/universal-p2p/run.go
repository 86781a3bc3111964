package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
			err := runApp(c.Context(), f, level, c.ErrOrStderr())
			if !errors.Is(err, app.ErrRunning) {
				return err
			}
			return secondStart(c, f, headless || autostart)
		},
	}
	fl := c.Flags()
	fl.BoolVar(&headless, "headless", false, "never open a window or a browser")
	fl.BoolVar(&autostart, "autostart", false, "started at login, not by hand: stay silent when the program runs already")
	fl.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return c
}

func runApp(ctx context.Context, f *common, level string, stderr io.Writer) error {
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	dir, err := f.folder()
	if err != nil {
		return err
	}
	log, closer, err := openLog(dir, level, stderr)
	if err != nil {
		return err
	}
	err = app.Run(ctx, app.Options{Config: cfg, DataDir: dir, Version: version(), Protocols: app.Protocols(), Log: log})
	return errors.Join(err, closer.Close())
}

func openLog(dir, level string, stderr io.Writer) (*slog.Logger, io.Closer, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, usagef("--log-level: %q is none of debug, info, warn and error", level)
	}
	return app.OpenLog(dir, l, stderr)
}

// secondStart is what happens when the program runs already: somebody clicked its icon again and wants to see it.
func secondStart(c *cobra.Command, f *common, quiet bool) error {
	dir, err := f.folder()
	if err != nil {
		return err
	}
	addr, page, err := pageOfFirst(c.Context(), dir)
	switch {
	case errors.Is(err, app.ErrNotRunning):
		return fmt.Errorf("the data folder %s is in use, but nobody answers; end that program, or name another folder with --data-dir", dir)
	case err != nil:
		return err
	case quiet:
		fmt.Fprintf(c.ErrOrStderr(), "universal-p2p: it runs already, at http://%s\n", addr)
		return nil
	}
	return openBrowser(page)
}

// pageOfFirst asks the program that has the data folder for its page. One that has only just been started gets a moment to say
// where it is.
func pageOfFirst(ctx context.Context, dir string) (addr, page string, err error) {
	for deadline := time.Now().Add(3 * time.Second); ; {
		var client *app.Client
		if client, err = app.Dial(dir); err == nil {
			addr = client.Addr()
			page, err = client.Page(ctx)
		}
		if !errors.Is(err, app.ErrNotRunning) || time.Now().After(deadline) {
			return addr, page, err
		}
		select {
		case <-ctx.Done():
			return "", "", ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
