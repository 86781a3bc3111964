package app

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A clock knows when the clock of the computer is to be believed. What is forgotten for its age is asked about here first: for a
// moment, or until the time has come over the network, a computer may think that it is 1970, or next year.
//
// The clock is in doubt after it has leapt: when, since it was last looked at, it went another way than the time that the program
// counts itself, by more than a day. Across two starts nobody counts, and more than two days are a leap. A laptop that was
// asleep for a week looks the same. Doubt therefore ends by itself, when the clock has gone steadily for some hours.
type clock struct {
	file string
	read func() (wall time.Time, counted time.Duration) // what the computer says, and what the program counts
	log  *slog.Logger

	mu      sync.Mutex
	seen    time.Time
	at      time.Duration // counted, when it was seen
	steady  time.Duration // counted, when it last leapt
	doubted bool
	saved   time.Time // what the file says
}

const (
	leap      = 24 * time.Hour
	leapStart = 48 * time.Hour // from one start to the next, forwards
	doubtTime = 3 * time.Hour
	saveClock = 30 * time.Minute
)

// A clockRecord is what is remembered of a clock.
type clockRecord struct {
	Seen  time.Time `json:"seen"`
	Doubt bool      `json:"doubt,omitempty"` // it had leapt shortly before
	// Steady is for how long it has gone steadily since, over all starts, in nanoseconds.
	Steady time.Duration `json:"steady,omitempty"`
}

// openClock looks at the clock for the first time. Where nothing is remembered it is believed.
func openClock(file string, log *slog.Logger) *clock {
	start := time.Now()
	return openClockOf(file, log, func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start) // Round strips what the program counts
	})
}

func openClockOf(file string, log *slog.Logger, read func() (time.Time, time.Duration)) *clock {
	c := &clock{file: file, read: read, log: log}
	c.seen, c.at = read()
	before, err := readClock(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.log.Warn("nobody knows what the clock said before", "err", err)
	default:
		by := c.seen.Sub(before.Seen)
		leapt := by < -leap || by > leapStart
		c.doubted, c.steady = before.Doubt || leapt, c.at
		if !leapt {
			c.steady -= max(before.Steady, 0)
		}
	}
	c.save()
	return c
}

func readClock(file string) (r clockRecord, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// Doubt looks at the clock and reports whether it may be wrong.
func (c *clock) Doubt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, counted := c.read()
	by := wall.Sub(c.seen) - (counted - c.at)
	c.seen, c.at = wall, counted
	was := c.doubted
	switch {
	case by > leap || by < -leap:
		c.doubted, c.steady = true, counted
		c.log.Info("the clock has leapt, or the computer was asleep; for some hours nothing is removed for its age", "by", by.Round(time.Second))
	case c.doubted && counted-c.steady >= doubtTime:
		c.doubted = false
	}
	if c.doubted != was || wall.Sub(c.saved).Abs() >= saveClock {
		c.save()
	}
	return c.doubted
}

// save remembers what the clock says. When it cannot, the next start believes the clock.
func (c *clock) save() {
	r := clockRecord{Seen: c.seen.UTC().Truncate(time.Second), Doubt: c.doubted}
	if c.doubted {
		r.Steady = c.at - c.steady
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = replaceFile(c.file, append(data, '\n'), false)
	}
	if err != nil {
		c.log.Warn("what the clock says is not remembered", "err", err)
	}
	c.saved = c.seen
}
