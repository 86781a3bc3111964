package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/app/winetest"
)

const (
	setupTitle     = "Universal P2P Setup"
	uninstallTitle = "Universal P2P Uninstall"
)

// A hand works the dialogs of Windows, with the program in testdata.
type hand struct {
	*windows
	program string
}

// open starts a program that has dialogs. What it starts in turn may outlive it.
func (h *hand) open(program string) {
	h.t.Helper()
	cmd := h.Command(h.t.Context(), program)
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

// press waits until a window says the texts and has the button, and presses it.
func (h *hand) press(title, button string, texts ...string) {
	h.t.Helper()
	out, err := h.Run(h.t.Context(), h.program, append([]string{title, button}, texts...)...) // which waits, but not for ever
	if err != nil {
		h.t.Fatalf("%s, %s, %q: %v\n%s", title, button, texts, err, out)
	}
	h.t.Logf("%s, %s:\n%s", title, button, out)
}

func (h *hand) uninstaller() string { return filepath.Join(filepath.Dir(h.exe), "uninstall.exe") }

// screen starts an X server that nobody sees and returns its display.
func screen(t *testing.T) string {
	t.Helper()
	need(t, "Xvfb")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "800x600x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{write}
	err = cmd.Start()
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	read.SetDeadline(time.Now().Add(30 * time.Second))
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not say its display: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

// The setup as people see it: what its dialogs say, and that their buttons do it.
func TestDialogs(t *testing.T) {
	p, env := winePackages(t)
	if env != nil { // outside, where the processes are seen that have the other displays
		env = append(env, "DISPLAY="+screen(t), "LC_ALL=C.UTF-8")
	}
	onLoopback(t, env, func(t *testing.T) {
		h := &hand{newWindows(t), winetest.Build(t, "./testdata/dialogs")}
		setup := p.path("new", "windows-amd64-setup.exe")
		install := func(box string) {
			t.Helper()
			h.open(setup)
			if !strings.HasPrefix(box, "[x]") {
				h.press(setupTitle, "Run Universal P2P", "[x] Run Universal P2P")
			}
			h.press(setupTitle, "Finish", "Completing Universal P2P Setup", "* Finish", box)
		}

		install("[x] Run Universal P2P")
		answers(t, true)
		h.installed()
		install("[ ] Run Universal P2P") // over the one that runs
		answers(t, false)
		h.installed()

		h.open(h.uninstaller())
		h.press(uninstallTitle, "Cancel", "* Uninstall", "Uninstall Universal P2P")
		h.installed()
		h.open(h.uninstaller())
		h.press(uninstallTitle, "Uninstall", "* Uninstall", "Uninstall Universal P2P")
		const ask = "Delete what Universal P2P has fetched, its history and its settings as well? With No they are there when you install it again."
		h.press(uninstallTitle, "No", ask, "* No")
		h.press(uninstallTitle, "Close", "Uninstallation Complete")
		h.gone(true)

		install("[x] Run Universal P2P")
		eventually(t, "it runs with what it had", says(newVersion, h.status))
		h.open(h.uninstaller()) // while it runs
		h.press(uninstallTitle, "Uninstall", "* Uninstall", "Uninstall Universal P2P")
		h.press(uninstallTitle, "Yes", ask, "* No")
		h.press(uninstallTitle, "Close", "Uninstallation Complete")
		h.gone(false)
	})
}
