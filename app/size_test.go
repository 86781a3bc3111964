package app

import "testing"

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"4096", 4096, true},
		{"4096B", 4096, true},
		{"512MiB", 512 << 20, true},
		{"10GiB", 10 << 30, true},
		{"10 GiB", 10 << 30, true},
		{"2TiB", 2 << 40, true},
		{"1.5GiB", 3 << 29, true},
		{"1.5GB", 1_500_000_000, true},
		{"0.5KiB", 512, true},
		{"", 0, false},
		{"GiB", 0, false},
		{"1.5", 0, false},
		{"-1", 0, false},
		{"-1GiB", 0, false},
		{"1e400GiB", 0, false},
		{"NaNGiB", 0, false},
		{"9223372036854775807", 1<<63 - 1, true},
		{"9223372036854775808", 0, false},
		{"8388608TiB", 0, false},
		{"10 gib", 0, false},
		{"ten", 0, false},
	} {
		got, err := ParseSize(c.in)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("ParseSize(%q) = %d, %v; want %d, ok %v", c.in, got, err, c.want, c.ok)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for _, c := range []struct {
		in    int64
		exact string
		round string
	}{
		{0, "0", "0 B"},
		{1000, "1000", "1000 B"},
		{1536, "1536", "1.5 KiB"},
		{512 << 20, "512MiB", "512.0 MiB"},
		{10 << 30, "10GiB", "10.0 GiB"},
		{10<<30 + 1, "10737418241", "10.0 GiB"},
		{3 << 40, "3TiB", "3.0 TiB"},
	} {
		if got := FormatSize(c.in); got != c.exact {
			t.Errorf("FormatSize(%d) = %q, want %q", c.in, got, c.exact)
		}
		if got := RoundSize(c.in); got != c.round {
			t.Errorf("RoundSize(%d) = %q, want %q", c.in, got, c.round)
		}
		if back, err := ParseSize(c.exact); err != nil || back != c.in {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", c.exact, back, err, c.in)
		}
	}
}
