package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
)

// newInstaller is what the MSI calls, which can start this program and do little else (packaging/windows/setup.wxs).
func newInstaller(f *common) *cobra.Command {
	c := &cobra.Command{Use: "installer", Short: "What the installer for Windows calls", Hidden: true, Args: usageArgs("one of end, again and forget")}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	sub := func(name, short string, do func(c *cobra.Command) error) {
		c.AddCommand(&cobra.Command{Use: name, Short: short, Args: takes(0, "no arguments"), RunE: func(c *cobra.Command, _ []string) error { return do(c) }})
	}
	sub("end", "End the program before an upgrade, and remember whether it ran", func(c *cobra.Command) error {
		mark, err := f.againFile()
		if err != nil {
			return err
		}
		if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an upgrade that failed
			return err
		}
		if err := f.quit(c.Context()); err != nil {
			return err
		}
		return os.WriteFile(mark, nil, 0o600)
	})
	sub("again", "Start the program after an upgrade, if it ran before", func(c *cobra.Command) error {
		mark, err := f.againFile()
		if err != nil {
			return err
		}
		if err := os.Remove(mark); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		return f.run(c.Context(), runFlags{autostart: true, level: "info"}, c.ErrOrStderr())
	})
	sub("forget", "Take away what was decided about the start at login", func(*cobra.Command) error {
		it, err := loginItem()
		if err != nil {
			return err
		}
		return it.Forget()
	})
	return c
}

// againFile is there between the end of a program that is upgraded and its new start.
func (f *common) againFile() (string, error) {
	if f.dataDir != "" {
		return filepath.Join(f.dataDir, "again"), nil
	}
	dir, err := app.DefaultDataDir()
	return filepath.Join(dir, "again"), err
}
