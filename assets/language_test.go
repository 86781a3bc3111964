package assets

import "testing"

func TestSpeak(t *testing.T) {
	for _, c := range []struct {
		tags []string
		want string
	}{
		{nil, "en"}, {[]string{""}, "en"}, {[]string{"xx", "pt-BR", "es-MX", "de"}, "es"}, {[]string{"zh-Hans-CN"}, "zh"}, {[]string{"DE"}, "de"},
	} {
		if got := Speak(c.tags...).Tag(); got != c.want {
			t.Errorf("%q: %s, want %s", c.tags, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	de := Speak("de")
	for _, c := range []struct{ got, want string }{
		{de.Text("disk.used", "used", "1 GiB", "quota", "{used}"), "1 GiB von {used} belegt"}, // a value is never looked into
		{de.Text("disk.used", "used", "1 GiB"), "1 GiB von {quota} belegt"},
		{de.Text("disk.used", "used"), "{used} von {quota} belegt"},
		{de.Text("ok"), "Ja"},
		{de.Text("no such text"), "no such text"},
		{de.Count("tray.streams", 1, "rate", "2 MiB"), "1 Stream, 2 MiB/s"},
		{de.Count("tray.streams", 0, "rate", "2 MiB"), "0 Streams, 2 MiB/s"},
		{Speak("en").Count("tray.streams", 2, "rate", "2 MiB"), "2 streams, 2 MiB/s"},
		{Speak("es").Count("tray.streams", 1, "rate", "2 MiB"), "1 transmisión, 2 MiB/s"},
		{Speak("fr").Count("tray.streams", 0, "rate", "2 MiB"), "0 flux, 2 MiB/s"},
		{Speak("ja").Count("tray.streams", 1, "rate", "2 MiB"), "1 ストリーム、2 MiB/s"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		tag   string
		bytes int64
		want  string
	}{
		{"en", 0, "0 B"}, {"en", 999, "999 B"}, {"en", 1000, "1 KiB"}, {"en", 10 << 30, "10 GiB"}, {"en", 3435973837, "3.2 GiB"},
		{"de", 3435973837, "3,2 GiB"}, {"fr", 3435973837, "3,2 GiB"}, {"es", 3435973837, "3,2 GiB"}, {"zh", 3435973837, "3.2 GiB"}, {"ja", 3435973837, "3.2 GiB"},
		{"de", 300 << 20, "300 MiB"}, {"en", 1 << 60, "1024 PiB"}, {"en", -1, "-1 B"},
	} {
		if got := Speak(c.tag).Size(c.bytes); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.tag, c.bytes, got, c.want)
		}
	}
}
