// Command packaging builds everything that is given to people: installers and archives for Linux, Windows and macOS, with their
// checksums and a list of what is inside (SBOM).
//
//	go run ./packaging
//
// It runs on Linux, needs git, Go and, for Windows, makensis and wixl (Debian: nsis, wixl), and writes to dist/. The same commit gives
// the same bytes: times are those of the commit, or of SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/).
// Only signatures differ. What goes to Windows is signed when the environment says with what; see the type signer.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := mainErr(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

func mainErr(ctx context.Context, args []string) error {
	fl := flag.NewFlagSet("packaging", flag.ContinueOnError)
	out := fl.String("out", "dist", "folder for the result; what an earlier run left there goes")
	named := fl.String("version", "", "version, like 0.1.0, instead of what git says")
	systems := fl.String("systems", "linux,windows,macos", "what to build for")
	archs := fl.String("archs", "amd64,arm64", "and for which processors")
	if err := fl.Parse(args); err != nil {
		return err
	}
	if fl.NArg() > 0 {
		return fmt.Errorf("%q: packaging takes flags only; see -help", fl.Arg(0))
	}
	b, err := newBuilder(ctx, *named, log.New(os.Stderr, "", log.Ltime))
	if err != nil {
		return err
	}
	defer b.close()
	return b.build(ctx, *out, strings.Split(*systems, ","), strings.Split(*archs, ","))
}
