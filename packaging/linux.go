package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/zeronetscript/universal_p2p/app/daemon"
)

// linux makes an archive with a script that installs for one user, and packages for all.
func (b *builder) linux(ctx context.Context, made, arch string) error {
	exe, err := b.compile(ctx, "linux", arch)
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(exe)
	if err != nil {
		return err
	}
	if err := b.linuxArchive(ctx, filepath.Join(made, b.name("linux-"+arch+".tar.gz")), binary); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm", "apk", "archlinux"} {
		if err := b.linuxPackage(ctx, made, kind, arch, binary); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// place says where the files of an installation are called from.
type place struct {
	Exec string // the program, quoted as desktop files want it
	Try  string // the program, for TryExec
}

// share are the files that every installation on Linux has below its folder share, but for the desktop entries.
func (b *builder) share(ctx context.Context) (tree, error) {
	t := make(tree)
	for _, size := range []string{"16", "22", "24", "32", "48", "64", "128", "256", "512"} {
		png, err := b.icon(size + ".png")
		if err != nil {
			return nil, err
		}
		t.add("icons/hicolor/"+size+"x"+size+"/apps/"+program+".png", 0o644, png)
	}
	svg, err := b.icon("app.svg")
	if err != nil {
		return nil, err
	}
	t.add("icons/hicolor/scalable/apps/"+program+".svg", 0o644, svg)
	man, err := b.native(ctx, "man")
	if err != nil {
		return nil, err
	}
	if man, err = gzipped(man); err != nil {
		return nil, err
	}
	t.add("man/man1/"+program+".1.gz", 0o644, man)
	meta, err := b.text("linux/metainfo.xml", map[string]any{"Changes": b.changes, "Homepage": homepage})
	if err != nil {
		return nil, err
	}
	t.add("metainfo/"+appID+".metainfo.xml", 0o644, meta)
	return t, nil
}

// appID names the program among all programs (AppStream 1.0, reverse DNS).
const appID = "io.github.zeronetscript.universal_p2p"

// Where each shell looks for completions of packages, below share. The zsh of Debian has a folder of its own.
var completions = map[string]string{
	"bash": "bash-completion/completions/" + program,
	"fish": "fish/vendor_completions.d/" + program + ".fish",
	"zsh":  "zsh/site-functions/_" + program,
}

const debianZsh = "zsh/vendor-completions/_" + program

// complete adds the completions of the shells.
func (b *builder) complete(ctx context.Context, t tree, zsh string) error {
	for shell, name := range completions {
		script, err := b.native(ctx, "completion", shell)
		if err != nil {
			return err
		}
		if shell == "zsh" {
			name = zsh
		}
		t.add(name, 0o644, script)
	}
	return nil
}

// linuxArchive packs what install.sh installs in a home folder. It writes the desktop entries, which need the place.
func (b *builder) linuxArchive(ctx context.Context, file string, binary []byte) error {
	share, err := b.share(ctx)
	if err != nil {
		return err
	}
	if err := b.complete(ctx, share, completions["zsh"]); err != nil {
		return err
	}
	for name, file := range map[string]string{
		program:             "applications/" + program + ".desktop",
		program + "-magnet": "applications/" + program + "-magnet.desktop",
		"autostart":         "autostart.desktop",
	} {
		entry, err := b.text("linux/"+name+".desktop", place{"@EXEC@", "@TRY@"})
		if err != nil {
			return err
		}
		share.add(file, 0o644, entry)
	}
	licence, err := b.licence()
	if err != nil {
		return err
	}
	top := strings.TrimSuffix(filepath.Base(file), ".tar.gz") + "/"
	t := tree{top + "LICENSE": {0o644, licence}, top + "bin/" + program: {0o755, binary}}
	for _, name := range []string{"install.sh", "uninstall.sh"} {
		script, err := embedded("linux/" + name)
		if err != nil {
			return err
		}
		t.add(top+name, 0o755, script)
	}
	for name, e := range share {
		t[top+"share/"+name] = e
	}
	return writeTarGz(file, t, b.version.time)
}

// packageTree is what a package installs, by the path without the slash in front.
func (b *builder) packageTree(ctx context.Context, kind string, binary []byte) (tree, error) {
	share, err := b.share(ctx)
	if err != nil {
		return nil, err
	}
	zsh := completions["zsh"]
	if kind == "deb" {
		zsh = debianZsh
	}
	if err := b.complete(ctx, share, zsh); err != nil {
		return nil, err
	}
	if err := b.documents(share, kind); err != nil {
		return nil, err
	}
	const exe = "/usr/bin/" + program
	t := tree{exe[1:]: {0o755, binary}}
	for name, file := range map[string]string{
		program:             "usr/share/applications/" + program + ".desktop",
		program + "-magnet": "usr/share/applications/" + program + "-magnet.desktop",
		"autostart":         autostart,
	} {
		entry, err := b.text("linux/"+name+".desktop", place{exe, exe})
		if err != nil {
			return nil, err
		}
		t.add(file, 0o644, entry)
	}
	if kind != "apk" { // Alpine has no systemd
		unit := "# It is off until somebody says `systemctl enable --now " + program + "`.\n" + daemon.SystemdUnit(daemon.Options{Exec: exe})
		t.add("usr/lib/systemd/system/"+program+".service", 0o644, []byte(unit))
	}
	for name, e := range share {
		t["usr/share/"+name] = e
	}
	return t, nil
}

// autostart is the one file of a package that an administrator may change.
const autostart = "etc/xdg/autostart/" + program + ".desktop"

// documents adds the licence and the changelog, where each kind of package has them.
func (b *builder) documents(share tree, kind string) error {
	licence, err := b.licence()
	if err != nil {
		return err
	}
	log, err := gzipped(b.debianChangelog())
	if err != nil {
		return err
	}
	if kind != "deb" {
		share.add("doc/"+program+"/changelog.gz", 0o644, log)
		share.add("licenses/"+program+"/LICENSE", 0o644, licence)
		return nil
	}
	share.add("doc/"+program+"/changelog.Debian.gz", 0o644, log)
	copyright, err := b.text("linux/copyright", map[string]string{"Homepage": homepage, "Licence": indented(string(licence))})
	if err != nil {
		return err
	}
	share.add("doc/"+program+"/copyright", 0o644, copyright)
	overrides, err := embedded("linux/lintian-overrides")
	if err != nil {
		return err
	}
	share.add("lintian/overrides/"+program, 0o644, overrides)
	return nil
}

// indented is a text as Debian's control files have it: a blank before each line, a dot for an empty one.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if line = strings.TrimRight(line, "\n"); line == "" {
			line = "."
		}
		b.WriteString(" " + line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// versions are how the kinds of packages write a version.
func (b *builder) versions(kind string) (version, release string) {
	full := map[string]string{"deb": b.version.deb(), "rpm": b.version.rpm() + "-1", "apk": b.version.apk(), "archlinux": b.version.arch() + "-1"}[kind]
	if kind == "deb" || kind == "apk" {
		return full, "" // nfpm takes it as it is
	}
	version, release, _ = strings.Cut(full, "-")
	return version, release
}

// licences is what stands in the field for it. Debian has none: there it is in the file copyright.
var licences = map[string]string{"rpm": "MIT", "apk": "MIT", "archlinux": "MIT"}

// linuxPackage has nfpm make a package.
func (b *builder) linuxPackage(ctx context.Context, made, kind, arch string, binary []byte) error {
	t, err := b.packageTree(ctx, kind, binary)
	if err != nil {
		return err
	}
	var contents []map[string]any
	for _, name := range t.names() {
		src, err := b.stage(path.Join(kind, arch, name), t[name].data, t[name].mode)
		if err != nil {
			return err
		}
		c := map[string]any{"src": src, "dst": "/" + name, "file_info": map[string]any{"mode": t[name].mode, "mtime": b.version.time}}
		if name == autostart {
			c["type"] = "config|noreplace"
		}
		contents = append(contents, c)
	}
	if kind == "rpm" { // it removes the folders that it owns, and no others
		for _, dir := range []string{"doc", "licenses"} {
			contents = append(contents, map[string]any{"dst": "/usr/share/" + dir + "/" + program, "type": "dir", "file_info": map[string]any{"mode": 0o755, "mtime": b.version.time}})
		}
	}
	scripts := make(map[string]string)
	for when, name := range map[string]string{"postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"} {
		script, err := embedded("linux/" + name)
		if err != nil {
			return err
		}
		if scripts[when], err = b.stage("scripts/"+name, script, 0o755); err != nil {
			return err
		}
	}
	version, release := b.versions(kind)
	config, err := json.MarshalIndent(map[string]any{ // JSON is YAML too
		"name": program, "arch": arch, "platform": "linux",
		"version": version, "version_schema": "none", "release": release, "mtime": b.version.time,
		"section": "net", "priority": "optional", "maintainer": maintainer, "vendor": "The Universal P2P authors", "homepage": homepage, "license": licences[kind],
		"description": "Peer-to-peer content as plain links on this computer\n" +
			"Runs in the system tray and answers plain HTTP on 127.0.0.1, so that any web\n" +
			"page or player can show what is in a torrent or on IPFS, also single members of\n" +
			"archives there. What it keeps fits in one quota and goes when nobody uses it.",
		"recommends": []string{"ca-certificates", "xdg-utils"},
		"contents":   contents, "scripts": scripts, "disable_globbing": true, "umask": 0o022,
		"rpm": map[string]any{"buildhost": "localhost", "group": "Applications/Internet", "summary": "Peer-to-peer content as plain links on this computer"},
	}, "", " ")
	if err != nil {
		return err
	}
	file, err := b.stage(kind+"-"+arch+".json", config, 0o644)
	if err != nil {
		return err
	}
	suffix := kind
	if kind == "archlinux" {
		suffix = "pkg.tar.zst"
	}
	return b.goRun(ctx, nfpm, "package", "--config", file, "--packager", kind, "--target", filepath.Join(made, b.name("linux-"+arch+"."+suffix)))
}
