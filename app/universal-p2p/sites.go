package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

func newSites(f *common) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "sites [SITE]",
		Short: "Print which sites used something, and how much; or what one of them used",
		Args:  takesAtMost(1, "one site"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := f.dial()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return printHistory(c, client, args[0], asJSON)
			}
			list, err := client.Sites(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), list)
			}
			return printSites(c.OutOrStdout(), list)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printSites(w io.Writer, list web.SiteList) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(list.Sites) > 0 {
		fmt.Fprintf(t, "LAST USED\tREQUESTS\tSENT\tROOTS\tRULE\tSITE\n")
	}
	for _, s := range list.Sites {
		fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%s\t%s\n", when(s.Last), s.Requests, app.RoundSize(s.Sent), s.Roots, ruleOf(s), s.Site)
	}
	for i, r := range list.Blocked {
		if i == 0 {
			fmt.Fprintf(t, "\nBLOCKED SINCE\tROOT\n")
		}
		fmt.Fprintf(t, "%s\t%s/%s\n", when(r.Since), r.Protocol, r.Root)
	}
	return t.Flush()
}

// ruleOf says in a word how it is with a site.
func ruleOf(s web.SiteStatus) string {
	switch {
	case s.Asking:
		return "waits"
	case s.Rule == ledger.Default.String():
		return "-"
	}
	return s.Rule
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.DateTime)
}

func printHistory(c *cobra.Command, client *app.Client, arg string, asJSON bool) error {
	site, err := siteOf(arg)
	if err != nil {
		return err
	}
	used, err := client.History(c.Context(), site)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), used)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "LAST USED\tREQUESTS\tSENT\tWHAT\n")
	for _, root := range used.Used {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s/%s\t%q\n", when(root.Last), root.Requests, app.RoundSize(root.Sent), root.Protocol, root.Root, root.Name)
		for _, file := range root.Files {
			if file.Path != "" { // quoted: it comes from strangers
				fmt.Fprintf(t, "%s\t%d\t%s\t  %q\n", when(file.Last), file.Requests, app.RoundSize(file.Sent), file.Path)
			}
		}
	}
	return t.Flush()
}

func newBlock(f *common) *cobra.Command {
	return &cobra.Command{
		Use:   "block (SITE | ROOT)",
		Short: "Give nothing to a site any more, or give a root to nobody",
		Args:  takes(1, "one site, or one link or identifier of a network"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.decide(c.Context(), args[0], ledger.Block)
		},
	}
}

func newUnblock(f *common) *cobra.Command {
	return &cobra.Command{
		Use:   "unblock (SITE | ROOT)",
		Short: "Take back what was decided about a site or a root",
		Args:  takes(1, "one site, or one link or identifier of a network"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.decide(c.Context(), args[0], ledger.Default)
		},
	}
}

func newAllow(f *common) *cobra.Command {
	return &cobra.Command{
		Use:   "allow SITE",
		Short: "Let a site in that waits for it, see ask_new_sites in the config",
		Args:  takes(1, "one site"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.decide(c.Context(), args[0], ledger.Allow)
		},
	}
}

// decide makes a rule for the site or the root that arg means.
func (f *common) decide(ctx context.Context, arg string, rule ledger.Rule) error {
	site, noSite := siteOf(arg)
	if rule == ledger.Allow {
		if isTorrent(arg) || rootPath.MatchString(arg) {
			return usagef("allow takes a site; content is allowed unless it is blocked")
		}
		if noSite != nil {
			return noSite
		}
	}
	client, err := f.dial()
	if err != nil {
		return err
	}
	root, isRoot, err := rootOfArg(ctx, client, arg, noSite == nil)
	switch {
	case err != nil:
		return err
	case isRoot && rule == ledger.Allow:
		return usagef("allow takes a site; content is allowed unless it is blocked")
	case isRoot:
		return client.BlockRoot(ctx, root, rule == ledger.Block)
	case noSite != nil:
		return noSite
	}
	return client.Decide(ctx, site, rule)
}

func newForget(f *common) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "forget (SITE | --all)",
		Short: "Forget what a site used; what was decided about it stays",
		Args:  takesAtMost(1, "one site, or --all"),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == all {
				return usagef("forget takes either one site or --all")
			}
			var site ledger.Site
			if !all {
				var err error
				if site, err = siteOf(args[0]); err != nil {
					return err
				}
			}
			client, err := f.dial()
			if err != nil {
				return err
			}
			return client.Forget(c.Context(), site)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "what all sites used")
	return c
}

// takesAtMost checks how many arguments a command gets.
func takesAtMost(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%s takes %s; see %s --help", c.Name(), what, c.CommandPath())
		}
		return nil
	}
}

// siteOf returns the site that arg means. A name by itself is that of a site on https.
func siteOf(arg string) (ledger.Site, error) {
	site, err := ledger.ParseSite(arg)
	if err != nil && !strings.Contains(arg, "://") && strings.Contains(arg, ".") {
		site, err = ledger.ParseSite("https://" + arg)
	}
	if err != nil {
		return ledger.Site{}, usagef("%.100q is no site; write it like https://example.org, or as sites prints it", arg)
	}
	return site, nil
}

// rootPath is how sites and status print a root.
var rootPath = regexp.MustCompile(`^[a-z0-9-]+/v[0-9]+/[^/]+$`)

// rootOfArg returns the root that arg names in one of its spellings. Those that this command does not know the program does; it is not
// asked about what can only be a site.
func rootOfArg(ctx context.Context, client *app.Client, arg string, site bool) (root ledger.Root, ok bool, err error) {
	switch {
	case rootPath.MatchString(arg):
		i := strings.LastIndexByte(arg, '/')
		return ledger.Root{Protocol: arg[:i], ID: arg[i+1:]}, true, nil
	case isTorrent(arg):
		return ledger.Root{Protocol: "bittorrent/v0", ID: arg}, true, nil
	case site && !strings.Contains(arg, "://"):
		return root, false, nil
	}
	link, err := client.Recognize(ctx, arg)
	if isNoLink(err) {
		return root, false, nil
	}
	return ledger.Root{Protocol: link.Protocol + "/" + link.Version, ID: link.Root}, err == nil, err
}
