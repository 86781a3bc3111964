package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/winetest"
)

// The program for Windows, as it is shipped without a console, under Wine: it starts, is found by a second start, speaks to the command
// line, is started at login, runs as a service of the service manager, and ends. (Wine 8 has no UDP that Go could use, so that BitTorrent
// does not work there; that is a problem in the status, and not the end.)
func TestWine(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	p := winetest.New(t)
	built := winetest.Build(t, ".", "-ldflags=-s -w -H=windowsgui")
	const exe = `C:\Program Files\Universal P2P\universal-p2p.exe`
	if err := os.MkdirAll(filepath.Dir(p.Path(exe)), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Path(exe), file, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	// say runs a command, and checks what it says.
	say := func(want string, args ...string) {
		t.Helper()
		out, err := p.Run(ctx, exe, args...)
		if no := strings.HasPrefix(want, "universal-p2p: ") && !strings.HasPrefix(want, "universal-p2p: it runs"); no != (err != nil) {
			t.Errorf("%q: %v", args, err)
		}
		if !regexp.MustCompile(`(?s)^` + want + `\s*$`).MatchString(out) {
			t.Errorf("%q says %q, want %s", args, out, want)
		}
	}
	wait := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			if ctx.Err() != nil {
				t.Fatalf("%s: not in time", what)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	exists := func(file string) func() bool {
		return func() bool { _, err := os.Stat(p.Path(file)); return err == nil }
	}

	local, err := filepath.Glob(p.Path(`C:\users\*\AppData`))
	if err != nil || len(local) == 0 {
		t.Fatalf("there is no user: %v", err)
	}
	config := filepath.Join(local[len(local)-1], "Roaming", "universal-p2p", "config.toml") // the service runs as the same user here
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("addr = \"127.0.0.1:0\"\nreserve = 0\n[bittorrent]\ndht = false\ntrackers = []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := p.Command(ctx, exe, "run", "--headless")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Process.Kill(); program.Wait() }) // when the test ends early
	data := filepath.Join(local[len(local)-1], "Local", "universal-p2p")
	wait("the start", func() bool {
		_, err := os.Stat(filepath.Join(data, "control.json"))
		return err == nil
	})
	if _, err := os.Stat(filepath.Join(data, "log", "universal-p2p.log")); err != nil {
		t.Error(err)
	}
	say(`universal-p2p \S+ go\S+ windows/amd64`, "version")
	say(`program .* at http://127\.0\.0\.1:\d+.*streams +0.*`, "status")
	say(`universal-p2p: it runs already, at http://127\.0\.0\.1:\d+`, "run", "--headless")
	say(``, "run", "--autostart")
	say(`http://localhost:\d+/#k=[A-Z2-7]+`, "open", "--print")

	const run = `HKCU\Software\Microsoft\Windows\CurrentVersion\Run`
	say(`off(\nHKCU.* says so)?`, "login", "status")
	say(``, "login", "on")
	say(`on, C:\\Program Files\\Universal P2P\\universal-p2p\.exe\n`+regexp.QuoteMeta(run)+`\\universal-p2p says so`, "login", "status")
	if value, ok := p.Query(t, run, "universal-p2p"); !ok || value != `"`+exe+`" run --autostart` {
		t.Errorf("the Run key has %q, %v", value, ok)
	}
	say(``, "login", "off")
	say(`off\nHKCU.*StartupApproved.* says so`, "login", "status")
	if value, ok := p.Query(t, run, "universal-p2p"); ok {
		t.Errorf("the Run key still has %q", value)
	}

	const serviceData = `C:\windows\ServiceProfiles\LocalService\AppData\Local\universal-p2p`
	say(`not installed`, "service", "status")
	say(`universal-p2p: service: not supported: Windows has no services of a user.*`, "service", "install", "--user")
	say(`universal-p2p: service: the service is not installed; .*`, "service", "start")
	say(`installed; .*`, "service", "install")
	say(`universal-p2p: service: the service is installed already; .*`, "service", "install")
	say(`stopped`, "service", "status")
	say(``, "service", "start")
	wait("the service", exists(serviceData+`\control.json`))
	say(`running`, "service", "status")
	say(`program .*`, "status", "--data-dir", serviceData)
	say(``, "service", "stop")
	say(`stopped`, "service", "status")
	if exists(serviceData + `\control.json`)() {
		t.Error("the service was stopped and did not end in good order")
	}
	say(``, "service", "start")
	wait("the service again", exists(serviceData+`\control.json`))
	say(``, "quit", "--data-dir", serviceData)
	wait("the end of the service", func() bool {
		out, err := p.Run(ctx, exe, "service", "status")
		return err == nil && strings.TrimSpace(out) == "stopped"
	})
	say(``, "service", "uninstall")
	say(`not installed`, "service", "status")

	say(``, "quit")
	if err := program.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}
