package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// dial finds the running program.
func (f *common) dial() (*app.Client, error) {
	if f.dataDir != "" {
		return app.Dial(f.dataDir)
	}
	dir, err := app.DefaultDataDir()
	if err != nil {
		return nil, err
	}
	return app.DialDefault(dir)
}

func newStatus(f *common) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Print what the program has, what it does and what is wrong",
		Args:  takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := f.dial()
			if err != nil {
				return err
			}
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			if !asJSON {
				return printStatus(c.OutOrStdout(), s)
			}
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(s)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func printStatus(w io.Writer, s web.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "program\t%s, process %d, at http://%s\n", s.Version, s.PID, s.Addr)
	fmt.Fprintf(t, "disk\t%s of %s used, %s left free for others\n", app.RoundSize(s.Used), app.RoundSize(s.Quota), app.RoundSize(s.Reserve))
	fmt.Fprintf(t, "streams\t%d\n", s.Streams)
	if s.Paused {
		fmt.Fprintf(t, "paused\tuniversal-p2p resume goes on\n")
	}
	for _, p := range s.Problems {
		fmt.Fprintf(t, "problem\t%s\n", p)
	}
	if len(s.Roots) > 0 {
		fmt.Fprintf(t, "\nLAST USED\tHERE\tOF\tKEPT\tNAME\tROOT\n")
	}
	for _, r := range s.Roots {
		kept := ""
		if r.Kept {
			kept = "kept"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%q\t%s/%s\n", r.LastAccess.Local().Format(time.DateTime), app.RoundSize(r.Bytes), app.RoundSize(r.Size), kept,
			r.Name, r.Protocol, r.Root) // a name comes from strangers: quoted, it cannot move the cursor
	}
	return t.Flush()
}

// newPause makes the command that begins a pause, or the one that ends it.
func newPause(f *common, use, short string, on bool) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := f.dial()
			if err != nil {
				return err
			}
			return client.Pause(c.Context(), on)
		},
	}
}

func newRecycle(f *common) *cobra.Command {
	var what web.Recycle
	var free string
	c := &cobra.Command{
		Use:   "recycle (--all | --unused-for TIME | --free SIZE)",
		Short: "Give back disk space; what was removed is fetched again when it is asked for",
		Args:  takes(0, "no arguments, only flags"),
		RunE: func(c *cobra.Command, _ []string) error {
			if what.UnusedFor < 0 {
				return usagef("--unused-for: %v lies in the future; write it like 168h", what.UnusedFor)
			}
			if n := changed(c, "all", "unused-for", "free"); n != 1 || !what.All && what.UnusedFor <= 0 && free == "" {
				return usagef("recycle takes exactly one of --all, --unused-for 168h and --free 1GiB")
			}
			if free != "" {
				var err error
				if what.Free, err = app.ParseSize(free); err != nil {
					return usagef("--free: %w", err)
				}
			}
			client, err := f.dial()
			if err != nil {
				return err
			}
			var freed int64
			if what == (web.Recycle{}) { // --free 0: nothing to do, but for a program that is there
				_, err = client.Status(c.Context())
			} else {
				freed, err = client.Recycle(c.Context(), what)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "freed %s\n", app.RoundSize(freed))
			return err
		},
	}
	c.Flags().BoolVar(&what.All, "all", false, "everything that is neither kept nor in use")
	c.Flags().DurationVar(&what.UnusedFor, "unused-for", 0, "what nobody asked for in so long, like 168h")
	c.Flags().StringVar(&free, "free", "", "the longest unused, until so much is free, like 1GiB")
	return c
}

// changed counts the flags that were given.
func changed(c *cobra.Command, names ...string) (n int) {
	for _, name := range names {
		if c.Flags().Changed(name) {
			n++
		}
	}
	return n
}

func newQuit(f *common) *cobra.Command {
	return &cobra.Command{
		Use:   "quit",
		Short: "End the program and wait until it has ended",
		Args:  takes(0, "no arguments"),
		RunE:  func(c *cobra.Command, _ []string) error { return f.quit(c.Context()) },
	}
}

func (f *common) quit(ctx context.Context) error {
	client, err := f.dial()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = client.Quit(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the program was told to end and has not done it yet; its log may say why")
	}
	return err
}
