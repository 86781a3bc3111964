package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app/daemon"
)

func newService(f *common) *cobra.Command {
	var o daemon.Options
	c := &cobra.Command{
		Use:   "service",
		Short: "Have the system run the program where nobody logs in to a desktop",
		Long: `Have the system run the program where nobody logs in to a desktop.

On Linux it is a unit of systemd: for the whole computer, with a user of its own that has nothing but ` + daemon.StateDir + `, or with --user
one of yours, which starts when you log in (or with the computer, after "loginctl enable-linger"). On macOS launchd runs it, on
Windows the service manager.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return usagef("service takes one of install, uninstall, start, stop and status; see %s --help", c.CommandPath())
		},
		Args: usageArgs("one of install, uninstall, start, stop and status"),
	}
	c.PersistentFlags().BoolVar(&o.User, "user", false, "a service of yours, and not of the whole computer")
	sub := func(name, short string, do func(c *cobra.Command, m *daemon.Manager) error) {
		c.AddCommand(&cobra.Command{Use: name, Short: short, Args: takes(0, "no arguments"), RunE: func(c *cobra.Command, _ []string) error {
			m, err := f.service(o)
			if err != nil {
				return err
			}
			return do(c, m)
		}})
	}
	sub("install", "Install the service; it starts with the computer from then on", func(c *cobra.Command, m *daemon.Manager) error {
		if err := m.Install(); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.OutOrStdout(), installed(o))
		return err
	})
	sub("uninstall", "Stop the service and remove it; its data stays", func(_ *cobra.Command, m *daemon.Manager) error { return m.Uninstall() })
	sub("start", "Start the service now", func(_ *cobra.Command, m *daemon.Manager) error { return m.Start() })
	sub("stop", "Stop the service until the computer starts again", func(_ *cobra.Command, m *daemon.Manager) error { return m.Stop() })
	sub("status", "Print whether the service runs", func(c *cobra.Command, m *daemon.Manager) error {
		s, err := m.Status()
		text := string(s)
		if errors.Is(err, daemon.ErrNotInstalled) {
			text, err = "not installed", nil
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), text)
		return err
	})
	return c
}

// service is what the flags say, for this program.
func (f *common) service(o daemon.Options) (*daemon.Manager, error) {
	var err error
	if o.Exec, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("service: where this program is: %w", err)
	}
	if f.dataDir != "" {
		if o.DataDir, err = filepath.Abs(f.dataDir); err != nil {
			return nil, fmt.Errorf("service: %w", err)
		}
	}
	return daemon.New(o)
}

// installed says what comes next.
func installed(o daemon.Options) string {
	next := "universal-p2p service start"
	if o.User {
		next += " --user"
	}
	text := "installed; `" + next + "` starts it now"
	if runtime.GOOS == "linux" && o.User {
		text += ", `loginctl enable-linger` also when nobody is logged in"
	}
	if runtime.GOOS == "linux" && !o.User && o.DataDir == "" {
		text += ", `sudo universal-p2p open --print --data-dir " + daemon.StateDir + "` prints the way to its page"
	}
	return text
}

// usageArgs refuses a word that is no subcommand.
func usageArgs(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s takes %s, not %.40q; see %s --help", c.Name(), what, args[0], c.CommandPath())
		}
		return nil
	}
}
