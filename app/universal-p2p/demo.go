package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/app/demo"
)

func newDemo(f *common) *cobra.Command {
	var only bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the program at work, without the internet",
		Long: `Show the program at work, without the internet.

It starts a copy of the program on a free port with a temporary data folder, a peer that has a video, pictures and a text, and a
web page that shows them; and opens the page in the browser. Ctrl-C ends it all and cleans up. With --data-dir the temporary folder
is made in that one, and nothing else in it is touched.`,
		Args: takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			return runDemo(c.Context(), f, c.ErrOrStderr(), func(page string) error {
				fmt.Fprintln(out, page)
				if only {
					return nil
				}
				fmt.Fprintln(c.ErrOrStderr(), "The demo runs. Press Ctrl-C to end it.")
				wait, err := openBrowser(page)
				if err != nil {
					fmt.Fprintln(c.ErrOrStderr(), "universal-p2p:", err)
					return nil
				}
				go wait() // the browser may outlive the demo: this ends with it or with our process, whichever is first
				return nil
			})
		},
	}
	c.Flags().BoolVar(&only, "print", false, "print the address of the page, open nothing")
	return c
}

func runDemo(ctx context.Context, f *common, stderr io.Writer, show func(string) error) error {
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	if f.addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return demo.Run(ctx, app.Options{Config: demo.Config(cfg), DataDir: f.dataDir, Version: version(), Protocols: app.Protocols(), Log: log}, show)
}
