package login

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// A clean user has neither key's value.
func forget(t *testing.T, id string) {
	t.Helper()
	if err := (runKeys{}).forget(Item{ID: id}); err != nil {
		t.Fatal(err)
	}
}

func TestRunKeys(t *testing.T) {
	w := programs(t)
	w.place = runKeys{}
	it := item(w.mine)
	forget(t, it.ID)
	t.Cleanup(func() { forget(t, it.ID) })
	checkPlace(t, w, func(program string) {
		line, err := runValue(item(program))
		if err != nil {
			t.Fatal(err)
		}
		if err := change(runKey, func(k registry.Key) error { return k.SetStringValue(it.ID, line) }); err != nil {
			t.Fatal(err)
		}
	})

	// The Task Manager's switch.
	if err := w.enable(it); err != nil {
		t.Fatal(err)
	}
	approve := func(data []byte) {
		if err := change(approvedKey, func(k registry.Key) error { return k.SetBinaryValue(it.ID, data) }); err != nil {
			t.Fatal(err)
		}
	}
	approve([]byte{3, 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xd9, 1})
	w.see(t, "switched off by the Task Manager", Status{})
	if w.repair(t) {
		t.Error("repaired what is off")
	}
	approve([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	w.see(t, "switched on by it", Status{State: On, Program: w.mine})
	approve(notApproved())
	if err := w.enable(it); err != nil {
		t.Fatal(err)
	}
	w.see(t, "switched on by the program", Status{State: On, Program: w.mine})

	// An installer that writes its value again does not overrule the user.
	if err := w.disable(it); err != nil {
		t.Fatal(err)
	}
	line, err := runValue(it)
	if err != nil {
		t.Fatal(err)
	}
	if err := change(runKey, func(k registry.Key) error { return k.SetStringValue(it.ID, line) }); err != nil {
		t.Fatal(err)
	}
	w.see(t, "after an update", Status{})
	if s, err := w.status(it); err != nil || !s.Decided() {
		t.Errorf("the user has decided: %+v, %v", s, err)
	}
}

// A value that is no text is an error, not a program.
func TestRunKeysNoText(t *testing.T) {
	it := item(`C:\x\universal-p2p.exe`)
	forget(t, it.ID)
	t.Cleanup(func() { forget(t, it.ID) })
	if err := change(runKey, func(k registry.Key) error { return k.SetDWordValue(it.ID, 1) }); err != nil {
		t.Fatal(err)
	}
	if s, err := (runKeys{}).status(it); err == nil {
		t.Errorf("%+v", s)
	}
}

// startedFile is what this program makes when a log-in starts it.
const startedFile = `C:\started by login.txt`

// The next log-in starts a copy of this program that lies in a folder with a blank.
func TestLeaveItem(t *testing.T) {
	if os.Getenv("WINEPREFIX") == "" {
		t.Skip("this is no prefix of Wine's, but somebody's computer")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	it := item(`C:\my programs\universal-p2p test.exe`)
	it.ID, it.Args = "universal-p2p-test", []string{"-test.run=^TestStarted$"}
	if err := os.MkdirAll(filepath.Dir(it.Exec), 0o700); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(it.Exec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if err := it.Enable(); err != nil {
		t.Fatal(err)
	}
}

func TestStarted(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(self) != `C:\my programs` {
		t.Skip("nobody has logged in")
	}
	if err := os.WriteFile(startedFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
