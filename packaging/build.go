package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// program is the name of the command, of the packages and of what they install.
const program = "universal-p2p"

// sources are the files that packages are made of, some of them templates.
//
//go:embed linux windows macos changelog
var sources embed.FS

// The tools that come by the Go module proxy. Nothing of them gets into the program.
const (
	nfpm   = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0" // later ones need a module that the proxy refuses
	winres = "github.com/tc-hib/go-winres@v0.3.3"
)

// A builder makes packages of one version of the source. It has a folder for what it makes on the way, which close removes.
type builder struct {
	version version
	changes []release
	root    string // of the module
	tmp     string
	log     *log.Logger
	sign    *signer // nil when nothing is signed
}

func newBuilder(ctx context.Context, named string, log *log.Logger) (*builder, error) {
	mod, err := output(ctx, "", "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	b := &builder{root: filepath.Dir(mod), log: log}
	if b.version, err = findVersion(ctx, b.root, named); err != nil {
		return nil, err
	}
	text, err := sources.ReadFile("changelog")
	if err != nil {
		return nil, err
	}
	if b.changes, err = parseChangelog(string(text)); err != nil {
		return nil, err
	}
	if b.sign, err = signerOf(os.Getenv); err != nil {
		return nil, err
	}
	b.tmp, err = os.MkdirTemp("", program+"-packaging-")
	return b, err
}

func (b *builder) close() { os.RemoveAll(b.tmp) }

// build makes everything for the systems and processors and puts it into the folder out, when all of it has worked.
func (b *builder) build(ctx context.Context, out string, systems, archs []string) error {
	makers := map[string]func(ctx context.Context, made, arch string) error{"linux": b.linux, "windows": b.windows, "macos": b.macos}
	for _, s := range systems {
		if makers[s] == nil {
			return fmt.Errorf("-systems: %q is none of linux, windows and macos", s)
		}
	}
	for _, a := range archs {
		if a != "amd64" && a != "arm64" {
			return fmt.Errorf("-archs: %q is neither amd64 nor arm64", a)
		}
	}
	if err := b.missing(systems); err != nil {
		return err
	}
	b.log.Printf("%s %s", program, b.version)
	made := filepath.Join(b.tmp, "made")
	if err := os.MkdirAll(made, 0o755); err != nil {
		return err
	}
	for _, s := range systems {
		for _, a := range archs {
			if err := makers[s](ctx, made, a); err != nil {
				return fmt.Errorf("%s on %s: %w", s, a, err)
			}
		}
	}
	if err := b.writeSBOM(made); err != nil {
		return err
	}
	if err := writeSums(made); err != nil {
		return err
	}
	return b.deliver(made, out)
}

// missing says what has to be installed before.
func (b *builder) missing(systems []string) error {
	var tools []string
	if slices.Contains(systems, "windows") {
		tools = append(tools, "makensis", "wixl", "msibuild")
	}
	if b.sign != nil {
		tools = append(tools, "osslsigncode")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: `apt-get install nsis wixl msitools osslsigncode` has all of them; -systems linux,macos needs none", tool)
		}
	}
	return nil
}

// deliver moves what was made to out, in place of what was there of an earlier version.
func (b *builder) deliver(made, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(out, program+"-*"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	files, err := os.ReadDir(made)
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(made, f.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, f.Name()), data, 0o644); err != nil {
			return err
		}
		b.log.Printf("%6.1f MB  %s", float64(len(data))/1e6, filepath.Join(out, f.Name()))
	}
	return nil
}

// name is what a file that is given away is called.
func (b *builder) name(suffix string) string {
	return fmt.Sprintf("%s-%s-%s", program, b.version, suffix)
}

// compile builds the program for a system and returns its path.
func (b *builder) compile(ctx context.Context, goos, goarch string) (string, error) {
	exe := filepath.Join(b.tmp, "bin", goos+"-"+goarch, program)
	flags := "-s -w -X main.release=" + b.version.String()
	if goos == "windows" {
		exe += ".exe"
		flags += " -H=windowsgui" // a double click and the login open no console
	}
	if _, err := os.Stat(exe); err == nil {
		return exe, nil
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", flags, "-o", exe, "./app/universal-p2p")
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOOS="+goos, "GOARCH="+goarch)
	if err := quietly(cmd); err != nil {
		return "", err
	}
	b.log.Printf("built for %s/%s in %.0f s", goos, goarch, time.Since(start).Seconds())
	return exe, nil
}

// native runs the program of this machine and returns what it prints.
func (b *builder) native(ctx context.Context, args ...string) ([]byte, error) {
	exe, err := b.compile(ctx, runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, exe, args...).Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", program, args[0], err)
	}
	return out, nil
}

// goRun runs a tool of a Go module.
func (b *builder) goRun(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"run"}, args...)...)
	cmd.Dir = b.tmp // outside of the module
	cmd.Env = append(b.env(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=", "GOARCH=")
	return quietly(cmd)
}

// env is for tools that write times.
func (b *builder) env() []string {
	return append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(b.version.time.Unix(), 10), "TZ=UTC")
}

// text fills a template of sources.
func (b *builder) text(name string, values any) ([]byte, error) {
	t, err := template.New(filepath.Base(name)).Option("missingkey=error").ParseFS(sources, name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, values); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// icon reads an icon of the program.
func (b *builder) icon(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(b.root, "assets", "icons", "app", name))
}

// licence is the text of the licence of the program.
func (b *builder) licence() ([]byte, error) { return os.ReadFile(filepath.Join(b.root, "LICENSE")) }

// stage writes a file to the builder's folder and returns its path.
func (b *builder) stage(name string, data []byte, mode fs.FileMode) (string, error) {
	path := filepath.Join(b.tmp, "stage", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	err := os.WriteFile(path, data, mode)
	return path, errors.Join(err, os.Chmod(path, mode), os.Chtimes(path, b.version.time, b.version.time))
}

// output runs a command and returns what it prints, without the end of the line.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// quietly runs a command; what it prints is told when it fails.
func quietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[:min(3, len(cmd.Args))], " "), err, bytes.TrimSpace(out))
	}
	return nil
}
