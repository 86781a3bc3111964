package main

import (
	"context"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Packages are what the tests look at and install. They are built once, which takes minutes.
//
//	new/     version 0.1.0, everything
//	again/   the same, from another folder
//	old/     version 0.0.9, for amd64, signed with a certificate of our own
//	cert/    that certificate
//
// The tests that need them are skipped unless UP2P_REQUIRE_PEERS=1; then nothing that they need may be missing.
// UP2P_PACKAGES names a folder to build them in once, and to find them in afterwards.
type packages struct{ dir string }

const (
	newVersion = "0.1.0"
	oldVersion = "0.0.9"
)

// path is where a package is; which is "new", "again" or "old".
func (p packages) path(which, suffix string) string {
	v := newVersion
	if which == "old" {
		v = oldVersion
	}
	return filepath.Join(p.dir, which, program+"-"+v+"-"+suffix)
}

var once struct {
	sync.Once
	p   packages
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if once.p.dir != "" && os.Getenv("UP2P_PACKAGES") == "" {
		os.RemoveAll(once.p.dir)
	}
	os.Exit(code)
}

func built(t *testing.T) packages {
	t.Helper()
	if os.Getenv("UP2P_REQUIRE_PEERS") != "1" && os.Getenv("UP2P_PACKAGES") == "" {
		t.Skip("it takes minutes to build all packages: UP2P_REQUIRE_PEERS=1 asks for it")
	}
	for _, tool := range []string{"git", "makensis", "wixl", "msibuild", "osslsigncode", "openssl"} {
		need(t, tool)
	}
	once.Do(func() { once.p, once.err = buildPackages(t.Context()) })
	if once.err != nil {
		t.Fatal(once.err)
	}
	return once.p
}

// need skips the test when a program is not here, or fails it where that is asked for.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		missing(t, tool)
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("UP2P_REQUIRE_PEERS") == "1" {
		t.Fatalf("UP2P_REQUIRE_PEERS is set, and %s is not here", what)
	}
	t.Skipf("%s is not here", what)
}

func buildPackages(ctx context.Context) (packages, error) {
	p := packages{os.Getenv("UP2P_PACKAGES")}
	if p.dir == "" {
		var err error
		if p.dir, err = os.MkdirTemp("", "universal-p2p-packages-"); err != nil {
			return p, err
		}
		if err := os.Chmod(p.dir, 0o755); err != nil { // ordinary users install from there
			return p, err
		}
	} else if _, err := os.Stat(filepath.Join(p.dir, "old", "SHA256SUMS")); err == nil {
		return p, nil
	}
	sign, err := selfSigned(ctx, filepath.Join(p.dir, "cert"))
	if err != nil {
		return p, err
	}
	for _, b := range []struct {
		which, version, systems, archs string
		sign                           *signer
	}{
		{"new", newVersion, "linux,windows,macos", "amd64,arm64", nil},
		{"again", newVersion, "linux,windows,macos", "amd64,arm64", nil},
		{"old", oldVersion, "linux,windows", "amd64", sign},
	} {
		if err := buildInto(ctx, filepath.Join(p.dir, b.which), b.version, b.systems, b.archs, b.sign); err != nil {
			return p, err
		}
	}
	return p, nil
}

func buildInto(ctx context.Context, out, version, systems, archs string, sign *signer) error {
	b, err := newBuilder(ctx, version, log.New(os.Stderr, "", log.Ltime))
	if err != nil {
		return err
	}
	defer b.close()
	b.sign = sign
	return b.build(ctx, out, strings.Split(systems, ","), strings.Split(archs, ","))
}

// selfSigned makes a certificate that may sign programs, and trusts nobody but itself.
func selfSigned(ctx context.Context, dir string) (*signer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &signer{pfx: filepath.Join(dir, "our own.pfx"), passFile: filepath.Join(dir, "pass")}
	if err := os.WriteFile(s.passFile, []byte("se'cret"), 0o600); err != nil {
		return nil, err
	}
	key, cert := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	for _, args := range [][]string{
		{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=A test of Universal P2P",
			"-addext", "extendedKeyUsage=codeSigning", "-addext", "keyUsage=digitalSignature"},
		{"pkcs12", "-export", "-inkey", key, "-in", cert, "-out", s.pfx, "-passout", "file:" + s.passFile},
	} {
		if err := quietly(exec.CommandContext(ctx, "openssl", args...)); err != nil {
			return nil, err
		}
	}
	return s, nil
}
