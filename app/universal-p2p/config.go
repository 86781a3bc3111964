package main

import (
	"io"

	"github.com/spf13/cobra"
)

func newConfig(f *common) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the config in force, with comments, as a file to start from",
		Args:  takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := f.settings()
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), cfg.TOML())
			return err
		},
	}
}
