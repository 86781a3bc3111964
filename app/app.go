// Package app puts the rooms together: it is the only place that starts and stops anything.
//
// [Run] is the program without its command line: it listens, opens the store and the ledger, starts the protocols, serves until it is told to
// stop, and undoes all that in reverse. A [Client] is how the command line, and a second start, talk to a running Run. A
// [Config] is what a user can set. What the program speaks is listed in [Protocols].
package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/zeronetscript/universal_p2p/assets"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

const (
	grace        = 3 * time.Second // for answers under way when the program stops
	firstRecycle = time.Minute     // after the start, when the rush is over
	recycleEvery = time.Hour
)

// Options is what Run needs. ConfigFile, Settings, Problems, Glance, Notify and Ready may be left out.
type Options struct {
	Config    Config
	DataDir   string // made when missing; everything Run writes is in it, but for the config file
	Version   string // for status
	Protocols []Protocol
	Log       *slog.Logger
	// ConfigFile is where a setting goes that the user changes on the program's page. Without it none can be changed.
	ConfigFile string
	// Settings, when set, is called with the settings in force: once at the start, and after each change by the user, one call
	// after the other. It must not wait for a change itself.
	Settings func(Config)
	// Problems, when set, is what else is wrong than what Run finds itself.
	Problems *Problems
	// Glance, when set, is called with what there is to see, and again when that has changed: about once a second while something is
	// streamed. One call comes after the other.
	Glance func(Glance)
	// Notify, when set, is called with what the user should hear of. It must not block, and several may call at a time.
	Notify func(Note)
	// Ready, when set, is called once with the host and port on 127.0.0.1, when the program answers there.
	Ready func(addr string)
}

// Run is the program. It returns nil some time after ctx ends or a client says quit, when everything it started has ended. It
// fails with an error that wraps [ErrRunning] when another Run has the data folder, and with one that wraps [ErrPortTaken] when
// another program has the port. A protocol that
// does not start is no failure: it is told in the status, and requests for it get 503.
func Run(ctx context.Context, o Options) (err error) {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	undo := func(f func() error) { err = errors.Join(err, f()) }
	if o.Notify == nil {
		o.Notify = func(Note) {}
	}
	seen := newWatcher()
	releasePages() // what the packages of the program needed to come up

	unlock, err := lockData(o.DataDir)
	if err != nil {
		return err
	}
	defer undo(unlock)

	// First of all: from here on requests wait in the queue of the system instead of failing.
	listeners, addr, err := listen(ctx, o.Config.Addr)
	if err != nil {
		return err
	}
	defer closeListeners(listeners)

	token := newToken()
	retract, err := announce(o.DataDir, instance{Addr: addr, PID: os.Getpid(), Token: token})
	if err != nil {
		return err
	}
	defer undo(retract)

	st, err := openStore(o)
	if err != nil {
		return err
	}
	defer undo(st.Close)

	disk := newDisk(st, o.Protocols)
	clock := openClock(clockFile(o.DataDir), o.Log)
	sites, broken, err := openBooks(o, disk, clock.Doubt)
	if err != nil {
		return err
	}
	defer undo(sites.Close)

	sessions, err := openSecret(sessionFile(o.DataDir))
	if err != nil {
		return err
	}

	archives := newLibrary(st, o.Log)
	defer undo(archives.Close)

	c := &control{version: o.Version, addr: addr, store: st, said: o.Problems, changed: seen.poke, quit: quit, log: o.Log}
	protocols, problems := startAll(ctx, o.Protocols, Env{Config: o.Config, Store: st, Log: o.Log}, o.DataDir)
	defer undo(func() error { return closeAll(protocols) })
	problems = append(problems, broken...)
	for _, p := range problems {
		c.problems = append(c.problems, p.Text)
	}
	c.gather = gatherOf(protocols)
	prefs := newPreferences(o, st, sites.gate, protocols)

	d := &desk{
		version: o.Version, store: st, ledger: sites.ledger, prefs: prefs, protocols: protocols, broken: problems, said: o.Problems,
		changed: seen.poke, log: o.Log,
	}
	page, err := assets.Interface(addr)
	if err != nil {
		return err
	}
	front := web.New(web.Config{
		Addr:      addr,
		Version:   o.Version,
		Protocols: protocols,
		Archives:  archives,
		Early:     o.Config.Verify == VerifyMedia,
		Ledger:    sites.ledger,
		Gate:      sites.gate,
		Signer:    sites.signer,
		Disk:      disk,
		Control:   c,
		Token:     token,
		Desk:      d,
		Changed:   seen.poke,
		Full:      func() { d.full(o.Notify) },
		Secret:    sessions,
		Stop:      ctx.Done(),
		Home:      page,
		Log:       o.Log,
	})
	defer front.Close()
	c.streams = front.Streams

	recycler := startRecycler(ctx, st, prefs.days.Load, clock.Doubt, func(freed int64) {
		d.recycled(freed, o.Notify)
		releasePages()
	}, o.Log)
	defer recycler.Wait()
	if o.Glance != nil {
		o.Problems.watch(seen.poke)
		watching := seen.start(ctx, func() Glance { return d.look(front) }, newMeter(protocols), o.Glance)
		defer watching.Wait()
	}
	defer quit() // when serving fails, for both

	releasePages()
	o.Log.Info("ready", "addr", addr, "data", o.DataDir)
	if o.Ready != nil {
		o.Ready(addr)
	}
	return serve(ctx, front, listeners, o.Log)
}
