package app

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/zeronetscript/universal_p2p"

// A room is a folder of the house and what it may import of ours. Rooms fit by shape, not by import: an *archive.Member is a
// stream.File, and neither knows of the other. The table has the rooms that are planned too, so that they are born tidy.
type room struct {
	name   string
	may    []string // rooms; nil for none, "*" for all
	reason string
}

// The order matters: the first room that a package is in counts.
var rooms = []room{
	{"stream/streamtest", []string{"stream"}, "the conformance suite knows the contracts and nothing that keeps them"},
	{"stream/store", nil, "bytes on disk have no protocol and no page"},
	{"stream/ledger", nil, "who used what is plain data"},
	{"stream/web", []string{"stream", "archive", "stream/ledger", "assets"}, "the front knows protocols by their contract only, so that a new one changes nothing in it"},
	{"stream/*", []string{"stream", "stream/store"}, "a protocol never knows of HTTP, of pages or of another protocol"},
	{"stream", nil, "the contracts stand alone, or everything hangs on everything"},
	{"archive", nil, "archives are read from any random access source, peer to peer or not"},
	{"assets", nil, "files are files"},
	{"tray", []string{"assets"}, "the icon shows a state and calls back; it must not reach into the program"},
	{"app/login", nil, "starting at login is a matter of the operating system"},
	{"app/winetest", nil, "it runs programs for Windows in the tests of any room"},
	{"app", []string{"*"}, "here the rooms are put together"},
	{"packaging", []string{"*"}, "it builds the program and is no part of it"},
}

// find returns the room that a package is in, and the room's own name with a star filled in.
func find(pkg string) (room, string, bool) {
	for _, r := range rooms {
		parent, any := strings.CutSuffix(r.name, "/*")
		if any {
			if below, ok := strings.CutPrefix(pkg, parent+"/"); ok {
				first, _, _ := strings.Cut(below, "/")
				return r, parent + "/" + first, true
			}
		} else if pkg == r.name || strings.HasPrefix(pkg, r.name+"/") {
			return r, r.name, true
		}
	}
	return room{}, "", false
}

// A listing is what `go list -json` says of a package, as far as it matters here.
type listing struct {
	ImportPath, Dir                    string
	GoFiles, IgnoredGoFiles            []string
	Imports, TestImports, XTestImports []string
}

// violations returns a line for every import that the table does not allow.
func violations(pkgs []listing) []string {
	var bad []string
	for _, p := range pkgs {
		from, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok {
			continue
		}
		r, self, ok := find(from)
		if !ok {
			bad = append(bad, from+" is in no room: give it a line in the table of rooms_test.go")
			continue
		}
		check := func(imports []string, more ...string) {
			for _, path := range imports {
				to, ours := strings.CutPrefix(path, module+"/")
				if !ours {
					continue
				}
				_, target, _ := find(to)
				if target == self || slices.Contains(r.may, "*") || slices.Contains(r.may, target) || slices.Contains(more, target) {
					continue
				}
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", from, to, r.reason))
			}
		}
		check(p.Imports)
		// A room may be tested with the suite and the backend in memory, and under Wine.
		check(slices.Concat(p.TestImports, p.XTestImports), "stream", "stream/streamtest", "app/winetest")
	}
	return bad
}

func TestRooms(t *testing.T) {
	pkgs := list(t)
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
	if len(pkgs) < 5 {
		t.Errorf("only %d packages were looked at", len(pkgs))
	}
}

// The check itself must see what it is there for.
func TestRoomsSeesViolations(t *testing.T) {
	for _, c := range []struct {
		from, to string
		test, ok bool
	}{
		{"archive", "stream", false, false},
		{"archive", "archive/zip", false, true},
		{"stream", "stream/store", false, false},
		{"stream/store", "stream", false, false},
		{"stream/web", "stream/bittorrent", false, false},
		{"stream/web", "stream/store", false, false},
		{"stream/web", "archive", false, true},
		{"stream/web", "stream/streamtest", false, false},
		{"stream/web", "stream/streamtest", true, true},
		{"stream/bittorrent", "stream/store", false, true},
		{"stream/bittorrent", "stream/ipfs", false, false},
		{"stream/bittorrent", "stream/bittorrent/wire", false, true},
		{"stream/bittorrent/wire", "stream/store", false, true},
		{"stream/sometime", "stream/web", false, false},
		{"stream/sometime", "stream", false, true},
		{"stream/ledger", "stream", false, false},
		{"tray", "app", false, false},
		{"tray", "assets", false, true},
		{"assets", "stream", false, false},
		{"app/login", "app", false, false},
		{"app/login", "app/winetest", false, false},
		{"app/login", "app/winetest", true, true},
		{"app", "stream/bittorrent", false, true},
		{"app/universal-p2p", "tray", false, true},
		{"cellar", "stream", false, false},
	} {
		l := listing{ImportPath: module + "/" + c.from}
		if imports := []string{"fmt", module + "/" + c.to}; c.test {
			l.XTestImports = imports
		} else {
			l.Imports = imports
		}
		if got := violations([]listing{l}); (len(got) == 0) != c.ok {
			t.Errorf("%s imports %s (in a test: %v): %q", c.from, c.to, c.test, got)
		}
	}
}

// Every package says once, in one file, what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range list(t) {
		var with []string
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Error(err)
			} else if f.Doc != nil {
				with = append(with, name)
			}
		}
		if len(with) != 1 && len(p.GoFiles) > 0 {
			t.Errorf("%s: %d files have a package comment: %q", p.ImportPath, len(with), with)
		}
	}
}

// list asks the go command for every package of the module.
func list(t *testing.T) []listing {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,Imports,TestImports,XTestImports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listing
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listing
		if err := d.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}
