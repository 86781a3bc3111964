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
	client, err := dialStarting(c.Context(), dir)
	if err != nil {
		return err
	}
	if quiet {
		fmt.Fprintf(c.ErrOrStderr(), "universal-p2p: it runs already, at http://%s\n", client.Addr())
		return nil
	}
	return openPage(c, client)
}

// dialStarting waits a moment for a program that has only just been started and has not said yet where it is.
func dialStarting(ctx context.Context, dir string) (*app.Client, error) {
	deadline := time.Now().Add(3 * time.Second)
	for {
		client, err := app.Dial(dir)
		if !errors.Is(err, app.ErrNotRunning) || time.Now().After(deadline) {
			return client, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
