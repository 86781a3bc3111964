package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/store"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// preferences are the settings of the running program, as the user sees and changes them. A change is written into the config
// file; some hold at once, and the others after the next start.
type preferences struct {
	file  string // config file; "" when there is none to write
	start Config // what the program was started with
	store interface {
		SetLimits(quota, reserve int64) error
	}
	quota func(Config) (int64, error) // in force, in bytes
	rates []uploadRater
	gate  interface{ AskNewSites(on bool) }
	days  atomic.Int64 // after which an unused root is recycled
	tell  func(Config)
	log   *slog.Logger

	mu   sync.Mutex // one change after the other
	live Config     // start, and what has changed at once since
}

// An uploadRater can upload faster or slower from now on.
type uploadRater interface{ SetUploadRate(bytesPerSecond int64) }

func newPreferences(o Options, st *store.Store, gate *ledger.Gate, protocols []web.Protocol) *preferences {
	p := &preferences{
		file: o.ConfigFile, start: o.Config, live: o.Config, store: st, gate: gate,
		tell: o.Settings, log: o.Log,
		quota: func(c Config) (int64, error) { return quotaOf(o.DataDir, c) },
	}
	p.days.Store(int64(o.Config.UnusedDays))
	for _, protocol := range protocols {
		if r, ok := protocol.Backend.(uploadRater); ok {
			p.rates = append(p.rates, r)
		}
	}
	if p.tell != nil {
		p.tell(p.live)
	}
	return p
}

// isLive reports whether a change of a setting holds at once.
func isLive(name string) bool {
	switch name {
	case "quota", "reserve", "unused_days", "ask_new_sites", "notifications", "bittorrent.upload_rate":
		return true
	}
	return false
}

// written returns what the config file says. It may have been changed by the user as well.
func (p *preferences) written() (Config, error) {
	if p.file == "" {
		return p.start, nil
	}
	return LoadConfig(p.file, false)
}

// problem is what is wrong with the config file, or nil.
func (p *preferences) problem() error {
	_, err := p.written()
	return err
}

// list returns all settings.
func (p *preferences) list() []web.Setting {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.written()
	if err != nil {
		c = p.live
	}
	defaults, live := DefaultConfig(), p.live
	var all []web.Setting
	for _, s := range c.settings() {
		kind, text, choices := form(s.value)
		out := web.Setting{Name: s.name(), Value: text, Kind: kind, Choices: choices, Help: s.doc, Live: isLive(s.name()), File: p.file}
		if d, ok := defaults.setting(s.name()); ok {
			_, out.Default, _ = form(d.value)
		}
		if now, ok := live.setting(s.name()); ok && err == nil {
			_, text, _ := form(now.value)
			out.Pending = text != out.Value
		}
		all = append(all, out)
	}
	return all
}

// set changes one setting. An error that wraps web.ErrValue is for the user to read, and fs.ErrNotExist is no setting.
func (p *preferences) set(name, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == "" {
		return valueError("There is no config file that could be changed.")
	}
	c, err := setInFile(p.file, name, text)
	var config *ConfigError
	switch {
	case errors.As(err, &config) && config.Line == 0:
		return valueError(config.Msg + ".")
	case errors.As(err, &config):
		return valueError(fmt.Sprintf("The config file has a mistake in line %d; mend it first: %s.", config.Line, config.Msg))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		p.log.Warn("a setting was not changed", "name", name, "err", err)
		return valueError(err.Error() + ".")
	case err != nil:
		return err
	}
	p.log.Info("a setting was changed", "name", name)
	err = p.apply(name, c)
	if p.tell != nil {
		p.tell(p.live)
	}
	return err
}

// apply makes one setting of c hold, if it can while the program runs.
func (p *preferences) apply(name string, c Config) error {
	switch name {
	case "quota":
		p.live.Quota = c.Quota
	case "reserve":
		p.live.Reserve = c.Reserve
	case "unused_days":
		p.live.UnusedDays = c.UnusedDays
		p.days.Store(int64(c.UnusedDays))
	case "ask_new_sites":
		p.live.AskNewSites = c.AskNewSites
		p.gate.AskNewSites(c.AskNewSites)
	case "notifications":
		p.live.Notifications = c.Notifications
	case "bittorrent.upload_rate":
		p.live.BitTorrent.UploadRate = c.BitTorrent.UploadRate
		for _, r := range p.rates {
			r.SetUploadRate(c.BitTorrent.UploadRate)
		}
	}
	if name != "quota" && name != "reserve" {
		return nil
	}
	quota, err := p.quota(p.live)
	if err != nil {
		return err
	}
	if err := p.store.SetLimits(quota, p.live.Reserve); err != nil && !errors.Is(err, store.ErrFull) {
		return err // a full store keeps the limit as soon as it can
	}
	return nil
}

// A valueError is a sentence about a setting, for the user.
type valueError string

func (e valueError) Error() string { return string(e) }

func (valueError) Unwrap() error { return web.ErrValue }
