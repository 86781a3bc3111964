package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
	"github.com/zeronetscript/universal_p2p/app/daemon"
)

// runFlags are the flags of run.
type runFlags struct {
	headless, autostart, anyPort bool
	managed                      bool // by the service manager of Windows
	told                         bool // who started it says what goes wrong
	level                        string
}

func newRun(f *common) *cobra.Command {
	var r runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Start the program and stay until it is told to quit",
		Long: `Start the program and stay until it is told to quit, by Ctrl-C or by the command "quit".

When the program runs already, on the same data folder or on the same port, its page is opened instead.`,
		Args: takes(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			return daemon.Run(c.Context(), r.managed, func(ctx context.Context) error { return f.run(ctx, r, c.ErrOrStderr()) })
		},
	}
	fl := c.Flags()
	fl.BoolVar(&r.headless, "headless", false, "never open a window or a browser")
	fl.BoolVar(&r.autostart, "autostart", false, "started at login, not by hand: stay silent when the program runs already")
	fl.BoolVar(&r.anyPort, "any-port", false, "when another program has the port, take the next one that is free; web pages may not find it there")
	managed := strings.TrimLeft(daemon.ManagedFlag, "-")
	fl.BoolVar(&r.managed, managed, false, "started by the service manager of Windows")
	fl.Lookup(managed).Hidden = true
	fl.BoolVar(&r.told, toldFlag, false, "started by a command in a terminal, which says what goes wrong")
	fl.Lookup(toldFlag).Hidden = true
	fl.StringVar(&r.level, "log-level", "info", "debug, info, warn or error")
	return c
}

// A launch is one start of the program, to its end.
type launch struct {
	*common
	flags runFlags
	at    place
	log   *app.Log
	quiet bool     // the user wants no notes
	up    bool     // it has answered
	found *running // the program that was there before
}

// run is the command run.
func (f *common) run(ctx context.Context, r runFlags, stderr io.Writer) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.level)); err != nil {
		return usagef("--log-level: %q is none of debug, info, warn and error", r.level)
	}
	s := &launch{common: f, flags: r}
	var err error
	if s.at, err = f.place(); err == nil {
		s.log = s.at.openLog(level, stderr)
		err = s.run(ctx)
	}
	if err != nil && s.unseen(stderr) && s.tell(ctx, err) {
		s.flags.anyPort = true
		err = s.run(ctx)
	}
	if s.log != nil {
		err = errors.Join(err, s.log.Close(), s.at.leave())
	}
	switch {
	case err != nil || s.found == nil || r.autostart:
		return err
	case r.headless:
		fmt.Fprintf(stderr, "universal-p2p: it runs already, at http://%s%s\n", s.found.addr, s.found.note)
		return nil
	}
	_, err = openBrowser(s.found.page) // somebody clicked its icon again and wants to see it
	return err
}

// run runs the program, or finds the one that runs already.
func (s *launch) run(ctx context.Context) (err error) {
	defer func() { s.log.Ended(err) }()
	o, err := s.options()
	if err != nil {
		return err
	}
	s.settle(o)
	run := func(ctx context.Context, o app.Options) (err error) {
		s.found, err = runOrFind(ctx, o, s.flags.anyPort)
		return err
	}
	if !s.flags.headless {
		return withFace(ctx, s.at.logs, o, func() bool { return s.started(o) }, run)
	}
	o.Ready = func(string) { s.started(o) }
	return run(ctx, o)
}

// started is called once it is clear that this is the program, and no second start. It reports whether that is for the first time.
func (s *launch) started(o app.Options) (first bool) {
	s.up = true
	for _, p := range o.Problems.All() {
		s.log.Warn(p.Text)
	}
	return s.atLogin(o)
}

// options is what the command line and the config file say for a run.
func (s *launch) options() (app.Options, error) {
	cfg, err := s.settings()
	if err != nil {
		return app.Options{}, err
	}
	s.quiet = !cfg.Notifications
	file, err := s.absoluteConfig()
	if err != nil {
		return app.Options{}, err
	}
	return app.Options{
		Config: cfg, ConfigFile: file, DataDir: s.at.data, Version: version(), Protocols: app.Protocols(), Log: s.log.Logger,
		Problems: new(app.Problems),
	}, nil
}

// settle makes the process at home: what its libraries say goes to the log, and so does what it says when it crashes. What is wrong
// with the place becomes a problem.
func (s *launch) settle(o app.Options) {
	slog.SetDefault(s.log.Logger) // the standard log goes there too
	if s.log.Broken == nil {
		if err := app.CatchCrashes(s.at.logs); err != nil {
			s.log.Warn("a crash will leave nothing behind", "err", err)
		}
	}
	if os.Geteuid() == 0 { // -1 on Windows
		o.Problems.Set("root", "The program runs as root, which it has no use for. Start it as yourself, or as a service: `universal-p2p service install`.")
	}
	s.at.problem(o.Problems)
	s.log.Problems(o.Problems)
}

// patience is how long a program that has the data folder gets to answer, or to let go of it: one that ends gives the answers
// under way some seconds.
const patience = 12 * time.Second

// A running program is one that was there before.
type running struct {
	addr string // host:port
	page string // address of its page, with a way in when it is on our data folder
	note string // for people, may be empty
}

// runOrFind runs the program. When another one runs already on the data folder, or on the port, it returns that one instead. One
// that only starts has not said yet where it is, and one that ends does not answer any more and makes room: both are tried until
// patience ends. With anyPort a port that is taken is passed over, whoever has it.
func runOrFind(ctx context.Context, o app.Options, anyPort bool) (*running, error) {
	asking, cancel := context.WithTimeout(ctx, patience) // app.Run is not bound by it
	defer cancel()
	for {
		err := app.Run(ctx, o)
		var taken *app.PortTakenError
		switch {
		case errors.As(err, &taken) && anyPort && o.Config.NextPort():
			o.Log.Warn("the port is taken, trying the next one", "port", taken.Port, "owner", taken.Owner)
			continue
		case errors.As(err, &taken) && !anyPort:
			if _, page, ok := app.WhoAnswers(ctx, taken.Port); ok {
				return &running{strings.TrimSuffix(strings.TrimPrefix(page, "http://"), "/"), page, ", with another data folder"}, nil
			}
			return nil, err
		case !errors.Is(err, app.ErrRunning):
			return nil, err
		}
		found, err := ask(asking, o.DataDir)
		if err == nil {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-asking.Done():
			if errors.Is(err, app.ErrNotRunning) || errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("the data folder %s is in use, but nobody answers; end that program, or name another folder with --data-dir", o.DataDir)
			}
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ask asks the program that has the data folder for its page.
func ask(ctx context.Context, dir string) (*running, error) {
	client, err := app.Dial(dir)
	if err != nil {
		return nil, err
	}
	page, err := client.Page(ctx)
	return &running{addr: client.Addr(), page: page}, err
}
