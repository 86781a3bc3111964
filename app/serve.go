package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// openStore opens the store with the limits of the config.
func openStore(o Options) (*store.Store, error) {
	quota, err := quotaOf(o.DataDir, o.Config)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(storeDir(o.DataDir), store.Options{Quota: quota, Reserve: o.Config.Reserve, Log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return st, nil
}

// quotaOf is what the config means by its quota, in bytes.
func quotaOf(dataDir string, c Config) (int64, error) {
	if c.Quota != 0 {
		return c.Quota, nil
	}
	return firstQuota(dataDir, func() (int64, error) { return store.DefaultQuota(dataDir) })
}

// serve answers requests until ctx ends, then gives answers under way a little time, cuts off those that take longer, and returns
// when every handler has returned. It closes the listeners.
func serve(ctx context.Context, h http.Handler, listeners []net.Listener, log *slog.Logger) error {
	var at door
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	srv := web.NewServer(at.guard(h), log)
	srv.BaseContext = func(net.Listener) context.Context { return requests }

	errs := make([]error, len(listeners))
	broken, fail := context.WithCancel(ctx) // with one listener less it is not the program any more
	defer fail()
	var wg sync.WaitGroup
	for i, l := range listeners {
		wg.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				errs[i] = fmt.Errorf("serve %s: %w", l.Addr(), err)
				fail()
			}
		})
	}
	<-broken.Done()
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := srv.Shutdown(late)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close() // to cut off is no failure
		abort()
	}
	wg.Wait()
	at.shut() // Shutdown would wait for handlers, Close does not
	return errors.Join(append(errs, err)...)
}

// A door knows which handlers are at work.
type door struct {
	inside sync.WaitGroup

	mu     sync.Mutex
	closed bool // nobody enters any more
}

func (d *door) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		d.inside.Add(1)
		d.mu.Unlock()
		defer d.inside.Done()
		h.ServeHTTP(w, r)
	})
}

// shut lets nobody in any more and returns when the last one has left.
func (d *door) shut() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.inside.Wait()
}

// closeListeners closes those that nobody has closed yet.
func closeListeners(ls []net.Listener) error {
	var errs []error
	for _, l := range ls {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
