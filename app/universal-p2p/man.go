package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newMan makes the manual page of the packages, which is so never older than the program. Nobody else needs it: --help says the same.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page",
		Long:   "Print the manual page, as universal-p2p man | man -l - shows it.",
		Hidden: true,
		Args:   takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), manual(c.Root()))
			return err
		},
	}
}

// manual is the manual page of root and its commands, in the macros of man(7).
func manual(root *cobra.Command) string {
	var b strings.Builder
	name := root.Name()
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"User Commands\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(name)), quoted(name+" "+version()), roff(name),
		roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	b.WriteString(".SH SYNOPSIS\n")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			use := strings.TrimSpace(strings.TrimPrefix(c.UseLine(), c.CommandPath()))
			fmt.Fprintf(&b, "\\fB%s\\fR %s\n.br\n", roff(c.CommandPath()), roff(use))
		}
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, root.Long)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range root.Commands() {
		manualOf(&b, c)
	}
	b.WriteString(".SH OPTIONS OF ALL COMMANDS\n")
	options(&b, root.PersistentFlags())
	b.WriteString(`.SH EXIT STATUS
.TP
.B 0
It worked.
.TP
.B 1
It did not; one line on standard error says what to do.
.TP
.B 2
The command line or the config file is wrong.
.SH FILES
.TP
.I ~/.config/universal\-p2p/config.toml
The config file. It is read from
.B XDG_CONFIG_HOME
when that is set.
.TP
.I ~/.cache/universal\-p2p/
What was fetched, who used what, and what the program remembers; below
.B XDG_CACHE_HOME
when that is set. It may be deleted while the program does not run.
.TP
.I ~/.local/state/universal\-p2p/log/
The log, and what the program said when it crashed; below
.B XDG_STATE_HOME
when that is set.
.TP
.I ~/.config/autostart/universal\-p2p.desktop
Whether the program is started at login; below
.B XDG_CONFIG_HOME
when that is set, as the next one.
.TP
.I ~/.config/universal\-p2p/login
Empty. It is there once the start at login was set up, which is done once.
.PP
With
.B \-\-data\-dir
the log is in the folder that it names as well.
`)
	return b.String()
}

func manualOf(b *strings.Builder, c *cobra.Command) {
	if !c.IsAvailableCommand() {
		return
	}
	fmt.Fprintf(b, ".SS %s\n", roff(strings.TrimPrefix(c.UseLine(), c.Root().Name()+" ")))
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	paragraphs(b, long)
	options(b, c.NonInheritedFlags())
	for _, sub := range c.Commands() {
		manualOf(b, sub)
	}
}

// paragraphs writes text; what is indented in it keeps its lines.
func paragraphs(b *strings.Builder, text string) {
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(p, " ") {
			fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(p))
		} else {
			fmt.Fprintf(b, ".PP\n%s\n", roff(p))
		}
	}
}

func options(b *strings.Builder, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			kind = " " + kind
		}
		fmt.Fprintf(b, ".TP\n.BI %s\n%s", quoted("--"+f.Name+kind), roff(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" {
			fmt.Fprintf(b, " (default %s)", roff(f.DefValue))
		}
		b.WriteString("\n")
	})
}

// roff escapes text for troff: its escape character, hyphens that are to stay minus signs, and lines that would be requests.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// quoted is an argument of a macro.
func quoted(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `""`) + `"` }
