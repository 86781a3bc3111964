package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/app/login"
)

// loginItem is this program, as the system starts it at login.
func loginItem() (login.Item, error) {
	self, err := os.Executable()
	if err != nil {
		return login.Item{}, fmt.Errorf("start at login: where this program is: %w", err)
	}
	return login.Item{
		ID: "universal-p2p", Label: "io.github.zeronetscript.universal-p2p", Name: "Universal P2P", Icon: "universal-p2p",
		Comment: "Peer-to-peer content as plain links on this computer",
		Exec:    filepath.Clean(self), Args: []string{"run", "--autostart"},
	}, nil
}

func newLogin(f *common) *cobra.Command {
	c := &cobra.Command{
		Use:   "login",
		Short: "Have the system start the program when you log in, or not",
		Args:  usageArgs("one of on, off and status"),
		RunE: func(c *cobra.Command, _ []string) error {
			return usagef("login takes one of on, off and status; see %s --help", c.CommandPath())
		},
	}
	sub := func(name, short string, do func(c *cobra.Command, it login.Item) error) {
		c.AddCommand(&cobra.Command{Use: name, Short: short, Args: takes(0, "no arguments"), RunE: func(c *cobra.Command, _ []string) error {
			it, err := loginItem()
			if err != nil {
				return err
			}
			return do(c, it)
		}})
	}
	change := func(do func(login.Item) error) func(*cobra.Command, login.Item) error {
		return func(_ *cobra.Command, it login.Item) error {
			if os.Geteuid() == 0 { // by sudo the files of a user would become root's
				return errors.New("start at login: this is root, who should not run the program; call it as yourself, without sudo")
			}
			return do(it)
		}
	}
	sub("on", "Start it at login", change(login.Item.Enable))
	sub("off", "Do not start it at login any more", change(login.Item.Disable))
	sub("status", "Print whether it is started at login, and what decides that", func(c *cobra.Command, it login.Item) error {
		s, err := it.Status()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), loginText(s))
		return err
	})
	return c
}

func loginText(s login.Status) string {
	text := s.State.String()
	switch {
	case s.State == login.Elsewhere && s.Gone:
		text = fmt.Sprintf("on, for %s, which is not there any more; `universal-p2p login on` mends it", s.Program)
	case s.State == login.Elsewhere:
		text = fmt.Sprintf("on, for another copy of the program, %s", s.Program)
	case s.State == login.On:
		text = "on, " + s.Program
	}
	if s.Where != "" {
		text += "\n" + s.Where + " says so"
	}
	return text
}

// atLogin has the system start the program at login, once in its life: when an ordinary user starts it for the first time in an ordinary
// way on a desktop. It reports whether this is that start. What the user decides then holds. At later starts it mends what names a place
// where the program was before.
func (s *launch) atLogin(o app.Options) (first bool) {
	if s.flags.headless || s.at.instead != nil || os.Geteuid() == 0 || s.addr != "" || s.dataDir != "" || s.config != "" || !hasDesktop() {
		return false
	}
	it, err := loginItem()
	if err != nil || login.Temporary(it.Exec) {
		return false
	}
	now, err := it.Status()
	if err != nil {
		o.Log.Warn("nobody knows whether the program is started at login", "err", err)
		return false
	}
	settings := filepath.Dir(o.ConfigFile) // not in the data folder, which may be emptied
	if err := os.MkdirAll(settings, 0o700); err != nil {
		o.Log.Warn("the program is not started at login", "err", err)
		return false
	}
	first, err = app.FirstLogin(settings)
	switch {
	case err != nil:
		o.Log.Warn("the program is not started at login", "err", err)
	case first && !now.Decided():
		if err := it.Enable(); err != nil {
			o.Log.Warn("the program is not started at login", "err", err)
			return first
		}
		o.Log.Info("the program is started at login from now on; the menu of its icon, or `universal-p2p login off`, ends that")
	default:
		if repaired, err := it.Repair(); err != nil {
			o.Log.Warn("the start at login names another place of the program", "place", now.Program, "err", err)
		} else if repaired {
			o.Log.Info("the start at login named another place of the program", "was", now.Program, "is", it.Exec)
		}
	}
	return first
}

// hasDesktop reports whether there is somebody who logs in to one.
func hasDesktop() bool {
	switch runtime.GOOS {
	case "windows", "darwin":
		return true
	}
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}
