// Command universal-p2p serves peer-to-peer content to web pages on this computer, and controls a running copy of itself.
//
// The commands are thin: [app.Run] is the program, and an [app.Client] talks to it. Exit codes: 0 when it worked, 1 when it
// did not, 2 when the command line or the config file is wrong. What goes wrong is told in one line on standard error, which
// says what to do. Only what was asked for goes to standard output.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
)

func main() {
	attachConsole()
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	hangup := !signal.Ignored(syscall.SIGHUP) // as nohup has it
	if hangup {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, func() {
		if hangup { // a closed terminal sends it more than once: by the shell and by the system
			signal.Ignore(syscall.SIGHUP)
		}
		stop() // the second Ctrl-C ends the program at once
	})
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	exit(code)
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cobra.MousetrapHelpText = "" // on Windows people start the program by a double click
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(stderr, "universal-p2p:", oneLine(err))
	var usage *usageError
	var config *app.ConfigError
	if errors.As(err, &usage) || errors.As(err, &config) {
		return 2
	}
	return 1
}

func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// common holds the flags of every command.
type common struct{ addr, dataDir, config string }

func newRoot() *cobra.Command {
	var f common
	root := &cobra.Command{
		Use:   "universal-p2p",
		Short: "Peer-to-peer content for web pages, at http://" + app.DefaultAddr,
		Long: `Universal P2P answers plain HTTP on this computer, so that any web page can show peer-to-peer content:

  http://` + app.DefaultAddr + `/bittorrent/v0/stream/INFOHASH/video.mp4     a file of a torrent
  http://` + app.DefaultAddr + `/ipfs/v0/stream/CID/song.mp3                 a file on IPFS

Without a command it starts the program, like "run". The other commands talk to the program that runs already.`,
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	p := root.PersistentFlags()
	p.StringVar(&f.addr, "addr", "", "where to answer, host:port on the loopback interface (default "+app.DefaultAddr+", or what the config says)")
	p.StringVar(&f.dataDir, "data-dir", "", "folder for everything the program writes, its config.toml too; the other commands find it there")
	p.StringVar(&f.config, "config", "", "config file")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, c.CommandPath())
	})
	run := newRun(&f)
	root.Flags().AddFlagSet(run.Flags())
	root.RunE = run.RunE
	root.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := "see universal-p2p --help"
		if s := c.SuggestionsFor(args[0]); len(s) > 0 {
			hint = fmt.Sprintf("did you mean %q?", s[0])
		}
		return usagef("there is no command %q; %s", args[0], hint)
	}
	root.AddCommand(
		run,
		newInstaller(&f),
		newOpen(&f),
		newAdd(&f),
		newStatus(&f),
		newSites(&f),
		newBlock(&f),
		newUnblock(&f),
		newAllow(&f),
		newForget(&f),
		newRecycle(&f),
		newPause(&f, "pause", "Give pages nothing for now, and be connected to nobody", true),
		newPause(&f, "resume", "Go on after a pause", false),
		newQuit(&f),
		newConfig(&f),
		newLogin(&f),
		newService(&f),
		newDemo(&f),
		newMan(),
		newVersion(),
	)
	return root
}

// takes checks how many arguments a command gets.
func takes(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s takes %s; see %s --help", c.Name(), what, c.CommandPath())
		}
		return nil
	}
}

// configFile is the config file, and whether there has to be one. That of a data folder which the user has named is in it: there is all
// that such a run writes.
func (f *common) configFile() (file string, required bool, err error) {
	switch {
	case f.config != "":
		return f.config, true, nil
	case f.dataDir != "":
		return app.ConfigFile(f.dataDir), false, nil
	}
	file, err = app.DefaultConfigFile()
	return file, false, err
}

// settings reads the config file and lays the flags over it.
func (f *common) settings() (app.Config, error) {
	file, required, err := f.configFile()
	if err != nil {
		return app.Config{}, err
	}
	cfg, err := app.LoadConfig(file, required)
	if err != nil {
		return app.Config{}, err
	}
	if f.addr != "" {
		if err := cfg.SetAddr(f.addr); err != nil {
			return app.Config{}, usagef("--addr: %w", err)
		}
	}
	return cfg, nil
}
