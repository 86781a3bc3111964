package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
)

func newAdd(f *common) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "add (FILE.torrent | LINK)",
		Short: "Hand a torrent, a link or an identifier of a network to the running program and print the address of every file in it",
		Args:  takes(1, "one .torrent file, magnet link, infohash, ipfs:// link or CID"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := f.dial()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			defer cancel()
			link, err := linkOf(ctx, client, args[0])
			if err != nil {
				return err
			}
			files, err := find(ctx, client, link, progressTo(c.ErrOrStderr()))
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("nobody told what is in there within %v; try again later, or with --wait", wait)
			}
			if err != nil {
				return err
			}
			some := false
			for _, file := range files {
				if under(file.Path, link.Path) {
					some = true
					fmt.Fprintln(c.OutOrStdout(), file.URL)
				}
			}
			if !some && link.Stream != "" { // a member of an archive, or a file that only the link has a name for
				fmt.Fprintln(c.OutOrStdout(), link.Stream)
			}
			return nil
		},
	}
	c.Flags().DurationVar(&wait, "wait", 10*time.Minute, "how long to search for the list of files")
	return c
}

var infohash = regexp.MustCompile(`^(?:[0-9a-fA-F]{40}|[2-7a-zA-Z]{32}|[0-9a-fA-F]{64})$`)

// linkOf returns the content that arg means. A file is handed over to the program.
func linkOf(ctx context.Context, client *app.Client, arg string) (l app.Link, err error) {
	data, err := readTorrent(arg)
	switch {
	case isTorrent(arg) && err != nil:
		return app.Link{Protocol: "bittorrent", Version: "v0", Root: arg}, nil
	case errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(arg, ":"): // Windows finds no file name in a link
		l, err = client.Recognize(ctx, arg)
		if isNoLink(err) {
			err = fmt.Errorf("%.200s: there is no such file, and it is no link and no identifier of a network either", arg)
		}
		return l, err
	case err != nil:
		return l, err
	}
	root, err := client.AddTorrent(ctx, data)
	if err != nil {
		return l, fmt.Errorf("%s: %w", arg, err)
	}
	return app.Link{Protocol: "bittorrent", Version: "v0", Root: root}, nil
}

// isTorrent reports whether arg names a torrent.
func isTorrent(arg string) bool {
	return infohash.MatchString(arg) || strings.HasPrefix(strings.ToLower(arg), "magnet:")
}

// isNoLink reports whether err is the program's word that a text names no content.
func isNoLink(err error) bool {
	no, ok := errors.AsType[*app.StatusError](err)
	return ok && no.Code == http.StatusBadRequest
}

// under reports whether path is in the folder or the file that a link names.
func under(path, of string) bool {
	return of == "" || path == of || strings.HasPrefix(path, of+"/")
}

// maxTorrent is the most a .torrent file can have, in bytes.
const maxTorrent = 16 << 20

// readTorrent reads a file that is not endless and does not wait for anybody.
func readTorrent(name string) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: that alone can wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is no regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTorrent+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxTorrent {
		return nil, fmt.Errorf("%s: it is too large for a .torrent file; the most is %s", name, app.FormatSize(maxTorrent))
	}
	return data, nil
}

// find asks for the files of a link until ctx ends: one request of ours gives up after a minute, the search need not. Meanwhile
// it tells how the search goes, unless that is nil.
func find(ctx context.Context, client *app.Client, link app.Link, tell func(string)) ([]app.FileURL, error) {
	if tell != nil {
		watching, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { watch(watching, client, link, tell) })
		defer wg.Wait()
		defer stop()
	}
	for {
		files, err := client.Files(ctx, link)
		var no *app.StatusError
		if errors.As(err, &no) && no.Code == http.StatusGatewayTimeout && ctx.Err() == nil {
			continue
		}
		return files, err
	}
}

// watch tells about a search until ctx ends.
func watch(ctx context.Context, client *app.Client, link app.Link, tell func(string)) {
	defer tell("")
	start := time.Now()
	for tick := time.NewTicker(500 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if s, ok := client.Search(ctx, link); ok && !s.Found {
			tell(fmt.Sprintf("searching for the list of files: %d s, %d peers connected, %d known", int(time.Since(start).Seconds()), s.Peers, s.Known))
		}
	}
}

// progressTo returns a function that keeps one line of w up to date, or nil when w is no terminal. An empty line removes it.
func progressTo(w io.Writer) func(line string) {
	if !isTerminal(w) {
		return nil
	}
	return func(line string) { fmt.Fprint(w, "\r\x1b[K"+line) }
}
