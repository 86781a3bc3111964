package archive

import (
	"testing"
)

// What tools on this machine have packed comes out as it went in.
func TestToolsMade(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"infozip-store.zip", []string{"zip", "-0", "-r", "-q", "OUT", "."}},
		{"infozip-deflate.zip", []string{"zip", "-r", "-q", "OUT", "."}},
		{"infozip-bzip2.zip", []string{"zip", "-r", "-q", "-Z", "bzip2", "OUT", "."}},
		{"infozip-stream.zip", []string{"sh", "-c", "zip -r -q -fd - . > $0", "OUT"}},
		{"7zz-deflate.zip", []string{"7zz", "a", "-bd", "-tzip", "-mx=9", "OUT", "."}},
		{"7zz-bzip2.zip", []string{"7zz", "a", "-bd", "-tzip", "-mm=BZip2", "OUT", "."}},
		{"7zz-xz.zip", []string{"7zz", "a", "-bd", "-tzip", "-mm=xz", "OUT", "."}},
		{"bsdtar.zip", []string{"bsdtar", "-a", "-cf", "OUT", "."}},
		{"bsdtar-store.zip", []string{"bsdtar", "--options", "zip:compression=store", "-a", "-cf", "OUT", "."}},
		{"gnu.tar", []string{"tar", "-cf", "OUT", "."}},
		{"gnu-pax.tar", []string{"tar", "--format=pax", "-cf", "OUT", "."}},
		{"gnu-ustar.tar", []string{"tar", "--format=ustar", "-cf", "OUT", "."}},
		{"gnu-v7.tar", []string{"tar", "--format=v7", "-cf", "OUT", "."}},
		{"gnu-sparse.tar", []string{"tar", "-S", "-cf", "OUT", "."}},
		{"gnu-sparse-pax.tar", []string{"tar", "-S", "--format=pax", "-cf", "OUT", "."}},
		{"bsdtar-pax.tar", []string{"bsdtar", "--format", "pax", "-cf", "OUT", "."}},
		{"7zz.tar", []string{"7zz", "a", "-bd", "-ttar", "OUT", "."}},
		{"gnu.tar.gz", []string{"tar", "-czf", "OUT", "."}},
		{"gnu.tar.bz2", []string{"tar", "-cjf", "OUT", "."}},
		{"gnu.tar.xz", []string{"tar", "-cJf", "OUT", "."}},
		{"gnu.tar.zst", []string{"tar", "--zstd", "-cf", "OUT", "."}},
		{"gnu.tar.lz4", []string{"tar", "-I", "lz4", "-cf", "OUT", "."}},
		{"gnu.tar.br", []string{"tar", "-I", "brotli", "-cf", "OUT", "."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := someFiles()
			src := newSource(c.name, packed(t, inFolder(t, files), c.name, c.args...))
			cache := newMemCache()
			l := library(t, Config{Cache: cache})
			got, err := contents(t, l, src.place())
			if err != nil {
				t.Fatal(err)
			}
			checkFiles(t, got, files)
			src.touched()
			l.Close()
			if n := src.openNow(); n != 0 {
				t.Errorf("%d readers are left open", n)
			}
			if n := cache.spools(); n != 0 {
				t.Errorf("%d spools are left open", n)
			}
			// Another life.
			l = library(t, Config{Cache: cache})
			for m, err := range l.Members(t.Context(), src.place()) {
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := l.Lookup(t.Context(), src.place(), m.Name()); err != nil {
					t.Error(err)
				}
			}
			if n, _, _ := src.touched(); n > 0 {
				t.Errorf("the second look has read %d bytes", n)
			}
			if got, err = contents(t, l, src.place()); err != nil {
				t.Fatal(err)
			}
			checkFiles(t, got, files)
		})
	}
}
