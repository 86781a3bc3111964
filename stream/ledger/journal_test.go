package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

// written is a ledger of some entries, of which the history was appended to, and what its files hold.
func written(t *testing.T) (history, decisions []byte, everything string) {
	l := open(t, t.TempDir(), Options{})
	for i := range 6 {
		s := site(t, fmt.Sprintf("http://127.0.0.1:43110/1Site%d", i%3))
		l.note(s, film, fmt.Sprintf("%d.mp4", i), int64(i))
		l.note(UnknownSite(), album, "", 1)
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
		l.Mark(s, Exposed)
	}
	if _, err := l.Disown(UnknownSite(), album); err != nil {
		t.Fatal(err)
	}
	for i, rule := range []Rule{Allow, Block, Block} {
		if err := l.Decide(site(t, fmt.Sprintf("https://%d.example", i)), rule); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.BlockRoot(film, true); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if history, err = os.ReadFile(l.path(historyFile)); err == nil {
		decisions, err = os.ReadFile(l.path(decisionsFile))
	}
	if err != nil {
		t.Fatal(err)
	}
	return history, decisions, dump(l)
}

// load opens a ledger with these files, in dir, and checks that it works, that it opens a second time without damage, and that it holds
// then what it held at first.
func load(t testing.TB, dir string, history, decisions []byte) *Ledger {
	t.Helper()
	for name, data := range map[string][]byte{historyFile: history, decisionsFile: decisions} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, l)
	before := dump(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if after := dump(again); after != before || again.Damaged() > 0 {
		t.Fatalf("the second time it is different, and %d lines are damaged: %s", again.Damaged(), diff(before, after))
	}
	return l
}

// TestTruncated: files that end at any byte load up to there.
func TestTruncated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history, decisions, everything := written(t)
		dir := t.TempDir()
		known := -1
		for n := range len(history) + 1 {
			l := load(t, dir, history[:n], decisions)
			if l.Damaged() > 0 {
				t.Fatalf("a history torn at %d has %d damaged lines", n, l.Damaged())
			}
			if l.Rule(site(t, "https://1.example")) != Block {
				t.Fatal("a rule was lost with the history")
			}
			if got := int(l.Total().Requests); got < known && n > 0 {
				t.Fatalf("%d bytes tell of %d requests, fewer of %d", n, got, known)
			} else {
				known = got
			}
			if n == len(history) && dump(l) != everything {
				t.Fatal(diff(everything, dump(l)))
			}
		}
		for n := range len(decisions) + 1 {
			l := load(t, dir, history, decisions[:n])
			lines := max(0, bytes.Count(decisions[:n], []byte("\n"))-1)
			if got := len(l.decisions.list()); got != lines || l.Damaged() > 0 || l.Total().Requests != 12 {
				t.Fatalf("decisions torn at %d have %d of %d lines, %d damaged", n, got, lines, l.Damaged())
			}
		}
	})
}

// TestFlipped: one wrong byte costs the line that it is in, or the one behind it too.
func TestFlipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history, decisions, everything := written(t)
		dir := t.TempDir()
		r := rand.New(rand.NewPCG(1, 1))
		headLen := bytes.IndexByte(decisions, '\n') + 1
		for n := range decisions {
			bad := bytes.Clone(decisions)
			bad[n] ^= 1 << r.IntN(8)
			l := load(t, dir, history, bad)
			lost := 7 - len(l.decisions.list())
			if lost > 2 || n < headLen-1 && lost > 0 {
				t.Fatalf("byte %d: %d decisions lost, %d lines damaged", n, lost, l.Damaged())
			}
			// Upper case in a checksum is the same number.
			if l.Damaged() == 0 && n < len(decisions)-1 && dump(l) != everything {
				t.Fatalf("byte %d: %s, and nobody has noticed", n, diff(everything, dump(l)))
			}
		}
		for n := range history {
			bad := bytes.Clone(history)
			bad[n] ^= 1 << r.IntN(8)
			l := load(t, dir, bad, decisions)
			if l.Total().Requests < 12-2 && n < bytes.LastIndexByte(history[:len(history)-1], '\n') {
				t.Fatalf("byte %d: only %d requests are left", n, l.Total().Requests)
			}
		}
	})
}

// TestNewer: files of a newer version are kept aside, and the program starts.
func TestNewer(t *testing.T) {
	history, decisions, _ := written(t)
	newer, err := appendLine(nil, head{format + 1})
	if err != nil {
		t.Fatal(err)
	}
	newer = append(newer, "and something else\n"...)
	for _, c := range []struct {
		name               string
		history, decisions []byte
	}{{historyFile, newer, decisions}, {decisionsFile, history, newer}} {
		dir := t.TempDir()
		l := load(t, dir, c.history, c.decisions)
		if l.Damaged() != 0 {
			t.Errorf("%s: %d lines damaged", c.name, l.Damaged())
		}
		if kept, err := os.ReadFile(filepath.Join(dir, c.name+newerSuffix)); err != nil || !bytes.Equal(kept, newer) {
			t.Errorf("%s: %q, %v", c.name, kept, err)
		}
		if hasHistory, hasRules := l.Total().Requests > 0, l.Blocked(film); hasHistory != (c.name != historyFile) || hasRules != (c.name != decisionsFile) {
			t.Errorf("%s: history %v, rules %v", c.name, hasHistory, hasRules)
		}
	}
}

func TestOnlyForTheUser(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not modes there: the folder of the user is what protects the files")
	}
	l := open(t, filepath.Join(t.TempDir(), "new", "folder"), Options{})
	l.note(UnknownSite(), film, "", 1)
	if err := l.Decide(UnknownSite(), Block); err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, name := range []string{".", historyFile, decisionsFile} {
		info, err := os.Stat(filepath.Join(l.dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// What a line of ours would never say is damaged, although its checksum is right.
func TestNonsense(t *testing.T) {
	for _, line := range []string{
		`{`, `[]`, `{"s":"null"}`, `{"s":"https://Example.org","p":""}`, `{"o":"what","s":"https://example.org"}`,
		`{"s":"https://example.org","v":"p","r":"r","n":1}`,               // an item without a path
		`{"s":"https://example.org","v":"p","p":"x","n":1}`,               // a path without a root
		`{"v":"p","r":"r","p":"x","n":1}`,                                 // a root without a site
		`{"o":"add","s":"https://example.org","v":"p","r":"r","p":"x"}`,   // adding to an item
		`{"s":"https://example.org","v":"p","r":"r","p":"x","n":-1}`,      // less than nothing
		`{"s":"https://example.org","v":"p","r":"r","p":"x","f":9,"l":8}`, // first after last
		`{"s":"https://example.org","v":"p","r":"` + strings.Repeat("r", maxRoot+1) + `","p":"x"}`,
		`{"o":"fold"}`, `{"o":"drop","s":"https://example.org"}`, `{"o":"claim","s":"https://example.org","v":"p","r":"r","p":"x"}`,
		`{"s":"https://example.org","v":"p","r":"r","p":"x","n":1e30}`,
		`{"s":"https://example.org","v":"p","r":"r","p":"` + strings.Repeat("x", maxLine) + `"}`,
	} {
		data, _ := appendLine(nil, head{format})
		if len(line) > maxLine {
			data, _ = appendLine(data, json.RawMessage(line))
		} else {
			data = fmt.Appendf(data, "%08x %s\n", checksum([]byte(line)), line)
		}
		l := load(t, t.TempDir(), data, data)
		if l.Damaged() != 2 || len(l.tree.nodes) > 0 {
			t.Errorf("%.100s: %d lines damaged, %d entries", line, l.Damaged(), len(l.tree.nodes))
		}
	}
}

// FuzzFiles: whatever is in the files, the ledger opens, keeps what must be true, and opens again with the same in it. Lines get
// the checksum that belongs to them, or the fuzzer would never come behind it.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(`{"ledger":1}`), true)
	f.Add([]byte(`{"ledger":2}`+"\n"), true)
	f.Add([]byte("\n\n00000000 \n12345678 {}"), false)
	f.Add([]byte(`{"ledger":1}
{"s":"https://example.org","v":"p","r":"r","p":"x","f":1,"l":2,"n":3,"b":4}
{"o":"add","f":1,"l":2,"n":3,"b":4,"k":1}
{"o":"drop","s":"https://example.org","v":"p","r":"r"}
{"o":"claim","s":"https://example.org","v":"p","r":"r"}
{"o":"fold","s":"https://example.org","v":"p","r":"r","n":9223372036854775807}
{"s":"https://example.org","rule":"block","at":"2026-01-02T03:04:05Z"}
{"v":"p","r":"r","rule":"block","at":"2026-01-02T03:04:05Z"}
{"s":"unknown site","mark":"asking","at":"2999-01-02T03:04:05Z"}
`), true)
	f.Fuzz(func(t *testing.T, data []byte, sums bool) {
		if sums {
			var b []byte
			for line := range bytes.Lines(data) {
				b = fmt.Appendf(b, "%08x %s", checksum(bytes.TrimSuffix(line, []byte("\n"))), line)
			}
			data = b
		}
		load(t, t.TempDir(), data, data)
	})
}
