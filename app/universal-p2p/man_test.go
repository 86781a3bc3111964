package main

import (
	"strings"
	"testing"
)

func TestManual(t *testing.T) {
	page := manual(newRoot())
	for _, want := range []string{
		".TH UNIVERSAL\\-P2P 1", ".SH NAME\nuniversal\\-p2p \\- peer\\-to\\-peer", ".SS run [flags]\n", ".BI \"\\-\\-data\\-dir string\"\n", ".SS quit\n", "IPFS",
		"/.cache/universal\\-p2p/\n", "/.local/state/universal\\-p2p/log/\n", "/.config/autostart/universal\\-p2p.desktop\n", "/.config/universal\\-p2p/login\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in the manual page", want)
		}
	}
	for _, never := range []string{".SS man", ".SS completion", ".SS installer", "\n\n"} {
		if strings.Contains(page, never) {
			t.Errorf("the manual page has %q", never)
		}
	}
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		"a-b": `a\-b`, `C:\x`: `C:\ex`, ".TH x\n'br\nok": "\\&.TH x\n\\&'br\nok",
	} {
		if got := roff(in); got != want {
			t.Errorf("roff(%q) = %q, want %q", in, got, want)
		}
	}
}
