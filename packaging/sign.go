package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A signer signs programs and installers for Windows (Authenticode) by osslsigncode. It is made of the environment:
//
//	UP2P_SIGN_PFX        certificate and key, a PKCS #12 file
//	UP2P_SIGN_PASSFILE   a file with its password, if it has one
//	UP2P_SIGN_TIMESTAMP  address of a time stamping service (RFC 3161), so that the signature outlives the certificate
type signer struct {
	pfx, passFile, timestamp string
}

// signerOf returns nil when nothing is to be signed.
func signerOf(env func(string) string) (*signer, error) {
	s := &signer{env("UP2P_SIGN_PFX"), env("UP2P_SIGN_PASSFILE"), env("UP2P_SIGN_TIMESTAMP")}
	if s.pfx == "" {
		if s.passFile != "" || s.timestamp != "" {
			return nil, fmt.Errorf("signing: UP2P_SIGN_PFX is not set, and names the certificate")
		}
		return nil, nil
	}
	for _, name := range []string{s.pfx, s.passFile} {
		if name == "" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
	}
	return s, nil
}

// args are those of osslsigncode, but for the files.
func (s *signer) args() []string {
	args := []string{"sign", "-pkcs12", s.pfx, "-h", "sha256", "-n", "Universal P2P", "-i", homepage}
	if s.passFile != "" {
		args = append(args, "-readpass", s.passFile)
	}
	if s.timestamp != "" {
		args = append(args, "-ts", s.timestamp)
	}
	return args
}

// sign signs a file in place. A nil signer leaves it as it is.
func (s *signer) signFile(ctx context.Context, file string) error {
	if s == nil {
		return nil
	}
	signed := file + ".signed"
	cmd := exec.CommandContext(ctx, "osslsigncode", append(s.args(), "-in", file, "-out", signed)...)
	if err := quietly(cmd); err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return os.Rename(signed, file)
}

// script signs the file that it gets as its argument, for a tool that calls it.
func (s *signer) script() []byte {
	var words []string
	for _, a := range s.args() {
		words = append(words, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	return []byte("set -e\nosslsigncode " + strings.Join(words, " ") + " -in \"$1\" -out \"$1.signed\" >/dev/null\nmv \"$1.signed\" \"$1\"\n")
}
