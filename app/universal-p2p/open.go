package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeronetscript/universal_p2p/app"
)

func newOpen(f *common) *cobra.Command {
	var only bool
	c := &cobra.Command{
		Use:   "open [LINK | FILE.torrent]",
		Short: "Open the program's page in the browser, or the page that plays a link",
		Long: `Open the program's page in the browser, logged in. It has to run already.

With a magnet link, an infohash, an ipfs:// link or a CID, an address of the program's own or a .torrent file, the page that plays it is opened instead, and
the program is started before when it does not run.

With --print the address is printed instead. What stands behind the # in that of the program's page logs one browser in, once,
within two minutes.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("open takes one link or nothing; see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			page, err := f.pageOf(c.Context(), args)
			if err != nil {
				return err
			}
			if !only {
				_, err = openBrowser(page)
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), page)
			return err
		},
	}
	c.Flags().BoolVar(&only, "print", false, "print the address, open nothing")
	return c
}

// pageOf returns the address of the program's page, or of the one that plays the link in args.
func (f *common) pageOf(ctx context.Context, args []string) (string, error) {
	if len(args) == 0 {
		client, err := f.dial()
		if err != nil {
			return "", err
		}
		return client.Page(ctx)
	}
	text := args[0]
	torrent, err := readTorrent(text)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !strings.Contains(text, ":") { // Windows finds no file name in a link
		return "", err
	}
	client, err := f.dialOrStart(ctx)
	if err != nil {
		return "", err
	}
	if torrent != nil {
		if text, err = client.AddTorrent(ctx, torrent); err != nil {
			return "", fmt.Errorf("%s: %w", args[0], err)
		}
	}
	page, err := client.Play(ctx, text)
	var no *app.StatusError
	if errors.As(err, &no) {
		return "", fmt.Errorf("%.200q: %w", text, err)
	}
	return page, err
}

// startTime is how long a program that was started gets until it answers.
const startTime = 30 * time.Second

// dialOrStart finds the running program, or starts one, which stays.
func (f *common) dialOrStart(ctx context.Context) (*app.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	client, err := f.answering(ctx)
	if !errors.Is(err, app.ErrNotRunning) {
		return client, err
	}
	ended, err := f.start()
	if err != nil {
		return nil, err
	}
	for {
		client, err := f.answering(ctx)
		if !errors.Is(err, app.ErrNotRunning) {
			return client, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("the program was started and does not answer; its log may say why")
		case err := <-ended:
			// Another one may have been quicker, which is as good.
			if client, err := f.answering(ctx); err == nil {
				return client, nil
			}
			if err == nil {
				err = errors.New("it ended at once")
			}
			return nil, fmt.Errorf("the program did not start: %w; `universal-p2p run` says why", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answering finds the running program and waits for an answer from it.
func (f *common) answering(ctx context.Context) (*app.Client, error) {
	client, err := f.dial()
	if err != nil {
		return nil, err
	}
	_, err = client.Status(ctx)
	return client, err
}

// start starts the program as a process of its own, with the flags that this one has. ended gets what it ended with, if it does
// before this process.
func (f *common) start() (ended <-chan error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	args := []string{"run", "--autostart"} // silent when another one is quicker
	if isTerminal(os.Stderr) {
		args = append(args, "--"+toldFlag)
	}
	for flag, value := range map[string]string{"--addr": f.addr, "--data-dir": f.dataDir, "--config": f.config} {
		if value == "" {
			continue
		}
		if flag != "--addr" { // the program does not stay in this folder
			if value, err = filepath.Abs(value); err != nil {
				return nil, fmt.Errorf("start the program: %w", err)
			}
		}
		args = append(args, flag+"="+value)
	}
	cmd := exec.Command(self, args...)
	cmd.SysProcAttr = ofItsOwn()
	cmd.Dir = filepath.VolumeName(self) + string(filepath.Separator) // or the folder of this one could not be removed or unmounted
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }() // ends with the program or with this process, whichever is first
	return done, nil
}
