package web

import "testing"

func TestFirefox(t *testing.T) {
	f := newFirefox(t)
	for _, c := range []struct {
		name  string
		check func(t *testing.T, open opener)
	}{
		{"Plays", checkPlays}, {"HeldVideos", checkHeldVideos}, {"Formats", checkFormats}, {"CannotAct", checkCannotAct}, {"Attribution", checkAttribution}, {"Tokens", checkTokens},
		{"Website", checkWebsite}, {"NativeWebsite", checkNativeWebsite}, {"Cookies", checkCookies}, {"Gallery", checkGallery}, {"Homes", checkHomes}, {"Rebinding", checkRebinding},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, f.open) })
	}
}
