package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zeronetscript/universal_p2p/stream/ledger"
	"github.com/zeronetscript/universal_p2p/stream/web"
)

// A Client talks to the program that runs on a data folder.
type Client struct {
	dataDir string
	in      instance
	http    *http.Client
}

// ErrNotRunning is what Dial returns when no program runs on the data folder.
var ErrNotRunning = errors.New("the program does not run; start it with `universal-p2p run`")

// Dial finds the program that runs on dataDir. It does not connect yet: a program that has died without a word is found too, and
// the first call then fails with [ErrNotRunning].
func Dial(dataDir string) (*Client, error) {
	in, err := readInstance(dataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, err
	}
	return &Client{dataDir, in, localClient()}, nil
}

// localClient asks programs on this machine. It leaves no connection behind.
func localClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.DisableKeepAlives = true
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the program sends nobody elsewhere
	return &http.Client{Transport: t, CheckRedirect: stay}
}

// Addr is the host and port that the program answers on.
func (c *Client) Addr() string { return c.in.Addr }

// Status asks how the program is.
func (c *Client) Status(ctx context.Context) (s web.Status, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v0/status", nil, &s)
	return s, err
}

// Recycle gives back disk space and returns how many bytes it was. Exactly one field of what is set.
func (c *Client) Recycle(ctx context.Context, what web.Recycle) (freed int64, err error) {
	in := map[string]any{}
	switch {
	case what.All:
		in["all"] = true
	case what.UnusedFor > 0:
		in["unused_for"] = what.UnusedFor.String()
	default:
		in["free"] = what.Free
	}
	var out struct{ Freed int64 }
	err = c.call(ctx, http.MethodPost, "/api/v0/recycle", in, &out)
	return out.Freed, err
}

// Sites lists the sites that used something, or that something was decided about.
func (c *Client) Sites(ctx context.Context) (list web.SiteList, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v0/sites", nil, &list)
	return list, err
}

// History tells what a site used.
func (c *Client) History(ctx context.Context, site ledger.Site) (used web.SiteHistory, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v0/history?"+url.Values{"site": {site.String()}}.Encode(), nil, &used)
	return used, err
}

// Decide makes a rule for a site.
func (c *Client) Decide(ctx context.Context, site ledger.Site, rule ledger.Rule) error {
	return c.call(ctx, http.MethodPost, "/api/v0/rule", map[string]any{"site": site, "rule": rule}, nil)
}

// BlockRoot blocks a root, whoever asks for it, or takes that back.
func (c *Client) BlockRoot(ctx context.Context, root ledger.Root, block bool) error {
	rule := ledger.Default
	if block {
		rule = ledger.Block
	}
	return c.call(ctx, http.MethodPost, "/api/v0/rule", map[string]any{"protocol": root.Protocol, "root": root.ID, "rule": rule}, nil)
}

// Forget forgets what a site used; the zero site is all of them. Rules stay.
func (c *Client) Forget(ctx context.Context, site ledger.Site) error {
	in := map[string]any{"all": true}
	if site.Kind() != ledger.None {
		in = map[string]any{"site": site}
	}
	return c.call(ctx, http.MethodPost, "/api/v0/forget", in, nil)
}

// Set changes a setting, as the interface does: in the config file, where the comments stay, and in the running program, if it can be.
// Name and value are as in [web.Setting]. A [*StatusError] says what is wrong with the value, or with the file.
func (c *Client) Set(ctx context.Context, name, value string) error {
	return c.call(ctx, http.MethodPost, "/api/v0/settings", map[string]string{"name": name, "value": value}, nil)
}

// Page returns the address of the program's own page.
func (c *Client) Page(ctx context.Context) (url string, err error) {
	var out struct{ URL string }
	if err := c.call(ctx, http.MethodPost, "/api/v0/open", nil, &out); err != nil {
		return "", err
	}
	port, err := parseAddr(c.in.Addr)
	if err != nil {
		return "", err
	}
	return pageURL(port, out.URL)
}

// The part of a page's address that the answer may choose: a query and a fragment.
var queryFragment = regexp.MustCompile(`^(\?[0-9A-Za-z_.~%=&-]*)?(#[0-9A-Za-z_.~%=&-]*)?$`)

// pageURL checks that answer is the page of the program on port, and no other. After a crash control.json can name a port that
// another user's program has by now, and the desktop opens whatever it is given: files and programs too.
func pageURL(port uint16, answer string) (string, error) {
	page := fmt.Sprintf("http://localhost:%d/", port)
	rest, ok := strings.CutPrefix(answer, page)
	if !ok || !queryFragment.MatchString(rest) {
		return "", fmt.Errorf("answer of the program: %.100q is not its page", answer)
	}
	return page + rest, nil
}

// Pause begins a pause or ends it: in one, pages get nothing, and nothing is fetched or passed on.
func (c *Client) Pause(ctx context.Context, on bool) error {
	return c.call(ctx, http.MethodPost, "/api/v0/pause", map[string]bool{"paused": on}, nil)
}

// Play returns the address of the page that shows what a text names: a link or an identifier of one of the networks, or an address
// of the program's own.
func (c *Client) Play(ctx context.Context, text string) (url string, err error) {
	var out struct{ Play string }
	if err := c.call(ctx, http.MethodPost, "/api/v0/link", map[string]string{"text": text}, &out); err != nil {
		return "", err
	}
	port, err := parseAddr(c.in.Addr)
	if err != nil {
		return "", err
	}
	return playURL(port, out.Play)
}

// What an address may have behind the port: a path and a query, in the characters of RFC 3986.
var pathQuery = regexp.MustCompile(`^/[0-9A-Za-z_.~%!$&'()*+,;=:@/-]*(\?[0-9A-Za-z_.~%!$&'()*+,;=:@/?-]*)?$`)

// playURL checks that answer is content of the program on port, for the reason that [pageURL] has.
func playURL(port uint16, answer string) (string, error) {
	host := fmt.Sprintf("http://127.0.0.1:%d", port)
	rest, ok := strings.CutPrefix(answer, host)
	if !ok || !pathQuery.MatchString(rest) {
		return "", fmt.Errorf("answer of the program: %.100q is not its page", answer)
	}
	return host + rest, nil
}

// Quit tells the program to end, and returns when all that it ran has ended. On Windows its process has ended
// too; elsewhere that, and the lock of the data folder, may last a moment longer.
func (c *Client) Quit(ctx context.Context) error {
	ended, release := watchProcess(c.in.PID)
	defer release()
	if err := c.call(ctx, http.MethodPost, "/api/v0/quit", nil, nil); err != nil {
		return err
	}
	for {
		if in, err := readInstance(c.dataDir); err != nil || in.Token != c.in.Token {
			return ended(ctx) // it is gone, or another one has come
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// AddTorrent hands over a .torrent file and returns the root it describes.
func (c *Client) AddTorrent(ctx context.Context, metainfo []byte) (root string, err error) {
	var out struct{ Root string }
	err = c.call(ctx, http.MethodPost, "/bittorrent/v0/torrent", metainfo, &out)
	return out.Root, err
}

// A StatusError is an answer that says no.
type StatusError struct {
	Code       int           // HTTP status
	Msg        string        // one sentence for the user
	RetryAfter time.Duration // when the program says that asking again may help, else 0
}

func (e *StatusError) Error() string { return e.Msg }

// refusal reads an answer that says no. The control API says why in JSON, content in plain text.
func refusal(resp *http.Response) *StatusError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // half a reason is better than none
	e := &StatusError{Code: resp.StatusCode, Msg: string(body)}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	var why struct{ Error string }
	if json.Unmarshal(body, &why) == nil {
		e.Msg = why.Error
	}
	if e.Msg = printable(e.Msg); e.Msg == "" {
		e.Msg = "the program answered " + resp.Status
	}
	return e
}

// printable makes text that may come from anybody fit for a terminal: what controls one, or turns the writing round, goes.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, s))
}

// maxAnswer bounds the answers of the program, in bytes: the list of a torrent with a million files has about as many.
const maxAnswer = 512 << 20

// call sends a request with the user's authority and decodes the JSON of the answer into out, unless that is nil. A body that
// is no []byte is sent as JSON.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	var op *net.OpError
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &op) && op.Op == "dial": // nobody listens
		return ErrNotRunning
	case err != nil:
		return fmt.Errorf("ask the program: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized { // it does not know the token: another program has the port by now
		return ErrNotRunning
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("answer of the program: %w", err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var r io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		r, kind = bytes.NewReader(b), "application/x-bittorrent"
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.in.Addr+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Authorization", "Bearer "+c.in.Token)
	req.Header.Set("User-Agent", "universal-p2p")
	return req, nil
}
