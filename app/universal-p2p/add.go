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
		Use:   "add (FILE.torrent | MAGNET | INFOHASH)",
		Short: "Hand a torrent to the running program and print the address of every file in it",
		Args:  takes(1, "one .torrent file, magnet link or infohash"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := f.dial()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			defer cancel()
			root, err := rootOf(ctx, client, args[0])
			if err != nil {
				return err
			}
			files, err := find(ctx, client, root, progressTo(c.ErrOrStderr()))
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("nobody told what is in the torrent within %v; try again later, or with --wait", wait)
			}
			if err != nil {
				return err
			}
			for _, file := range files {
				fmt.Fprintln(c.OutOrStdout(), file.URL)
			}
			return nil
		},
	}
	c.Flags().DurationVar(&wait, "wait", 10*time.Minute, "how long to search for the list of files")
	return c
}

var infohash = regexp.MustCompile(`^(?:[0-9a-fA-F]{40}|[2-7a-zA-Z]{32}|[0-9a-fA-F]{64})$`)

// rootOf returns the root that arg means. A file is handed over to the program.
func rootOf(ctx context.Context, client *app.Client, arg string) (root string, err error) {
	if strings.HasPrefix(strings.ToLower(arg), "magnet:") {
		return arg, nil
	}
	data, err := readTorrent(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist) && infohash.MatchString(arg):
		return arg, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: there is no such file, and it is no magnet link and no infohash either", arg)
	case err != nil:
		return "", err
	}
	if root, err = client.AddTorrent(ctx, data); err != nil {
		return "", fmt.Errorf("%s: %w", arg, err)
	}
	return root, nil
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

// find asks for the files of root until ctx ends: one request of ours gives up after a minute, the search need not. Meanwhile
// it tells how the search goes, unless that is nil.
func find(ctx context.Context, client *app.Client, root string, tell func(string)) ([]app.FileURL, error) {
	if tell != nil {
		watching, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { watch(watching, client, root, tell) })
		defer wg.Wait()
		defer stop()
	}
	for {
		files, err := client.Files(ctx, root)
		var no *app.StatusError
		if errors.As(err, &no) && no.Code == http.StatusGatewayTimeout && ctx.Err() == nil {
			continue
		}
		return files, err
	}
}

// watch tells about a search until ctx ends.
func watch(ctx context.Context, client *app.Client, root string, tell func(string)) {
	defer tell("")
	start := time.Now()
	for tick := time.NewTicker(500 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if s, ok := client.Search(ctx, root); ok && !s.Found {
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
