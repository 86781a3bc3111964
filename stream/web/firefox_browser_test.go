package web

import (
	"testing"
)

// TestFirefox goes with Firefox through what Chromium has to go through as well, where one is installed.
func TestFirefox(t *testing.T) {
	f := newFirefox(t)
	for _, c := range []struct {
		name  string
		check func(t *testing.T, open opener)
	}{
		{"Plays", checkPlays}, {"HeldVideos", checkHeldVideos}, {"Formats", checkFormats}, {"Album", checkAlbum}, {"Gallery", checkGallery}, {"Homes", checkHomes},
		{"CannotAct", checkCannotAct}, {"Tokens", checkTokens}, {"Neighbour", checkNeighbour}, {"Rebinding", checkRebinding},
		{"Website", checkWebsite}, {"Cookies", checkCookies}, {"Page", checkPage}, {"PublicPage", checkPublicPage}, {"Embed", checkEmbed},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, f.open) })
	}
	t.Run("Attribution", func(t *testing.T) { // it says where a frame is that has no origin
		checkAttribution(t, f.open, func(neighbour string) string { return neighbour })
	})
	t.Run("Reach", func(t *testing.T) { checkReach(t, f.open, true) })
	t.Run("Frames", func(t *testing.T) {
		b := f.open(t)
		b.allow("granted")
		checkFrames(t, b)
	})
	t.Run("Interface", func(t *testing.T) {
		s := newShelf()
		b := f.open(t, s.serve)
		f.listen(t)
		b.use("https://films.example", "http://secret.onion", "program VLC", "opened directly")
		b.checkLogin()
		b.enter()
		b.expect("7 GiB of 10 GiB used", `return $('used-of').textContent;`)
		b.checkLive()
		b.checkKeep()
		b.expect("Freed: 700 MiB 6.3 GiB of 10 GiB used", `
			labelled('Remove tree3').click(); await yes();
			await until(() => 'gone', () => !row('roots', 'tree3'));
			return $('said').textContent + ' ' + $('used-of').textContent;`)
	})
}

// listen makes an error of what scripts complain of until the end of t.
func (f *firefox) listen(t *testing.T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.console = func(url, text string) { t.Errorf("console: %s (%s)", text, url) }
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.console = func(string, string) {}
	})
}
