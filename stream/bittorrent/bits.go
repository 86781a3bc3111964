package bittorrent

import "time"

// A bitset is a set of blocks. The zero value is empty.
type bitset struct{ words map[block]uint64 }

func (s *bitset) has(b block) bool { return s.words[b/64]&(1<<(b%64)) != 0 }

func (s *bitset) add(b block) {
	if s.words == nil {
		s.words = make(map[block]uint64)
	}
	s.words[b/64] |= 1 << (b % 64)
}

// remove takes [from, to) out.
func (s *bitset) remove(from, to block) {
	for b := from; b < to; {
		if b%64 == 0 && to-b >= 64 {
			delete(s.words, b/64)
			b += 64
			continue
		}
		if w, ok := s.words[b/64]; ok {
			s.words[b/64] = w &^ (1 << (b % 64))
		}
		b++
	}
}

func (s *bitset) clear() { clear(s.words) }

// A meter finds a rate from a growing count.
type meter struct {
	at             time.Time
	count          int64
	bytesPerSecond float64 // smoothed over about two seconds
}

func (m *meter) sample(now time.Time, count int64) {
	dt := now.Sub(m.at).Seconds()
	if m.at.IsZero() || dt > 10 {
		m.at, m.count = now, count
		return
	}
	if dt < 0.25 {
		return
	}
	rate := float64(count-m.count) / dt
	weight := min(1, dt/2)
	m.bytesPerSecond += (rate - m.bytesPerSecond) * weight
	m.at, m.count = now, count
}
