package web

import "testing"

func TestFirefox(t *testing.T) {
	f := newFirefox(t)
	t.Run("plays", func(t *testing.T) {
		b := f.open(t)
		b.mem.Add("film", "", map[string][]byte{"film.mp4": longVideo(t)})
		b.show(`<video id=v muted src="` + b.url("film/film.mp4") + `"></video>`)
		t.Log(b.run(`return plays(document.getElementById('v'))`))
		b.show("")
		b.released()
		for _, r := range b.asked() {
			t.Logf("%s %s %s %d %d %s", r.path, r.dest, r.rng, r.code, r.bytes, r.cache)
		}
	})
}
