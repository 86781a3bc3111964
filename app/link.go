package app

import (
	"context"
	"net/http"
	"net/url"

	"github.com/zeronetscript/universal_p2p/stream"
)

// A Link is content of one of the networks, as a text names it.
type Link struct {
	Protocol, Version string
	Root              string // in one of its spellings
	Path              string // in the root; "" is all of it
	Query             string // hints, as they follow a "?"
	Stream            string // address of what Path leads to; "" when the program was not asked
}

// Recognize says what a text names: a link or an identifier of one of the networks, or an address of the program's own. A text that
// is none of these is a [*StatusError] with the code 400.
func (c *Client) Recognize(ctx context.Context, text string) (l Link, err error) {
	err = c.call(ctx, http.MethodPost, "/api/v0/link", map[string]string{"text": text}, &l)
	return l, err
}

// A FileURL is a file of a root and where it is streamed.
type FileURL struct {
	Path string
	Size int64 // bytes
	URL  string
}

// Files lists the files of a root; all of them, whatever the path. The program searches for the list if it has to; a search that
// takes too long is a [*StatusError] with the code 504, and can be gone on with.
func (c *Client) Files(ctx context.Context, l Link) ([]FileURL, error) {
	var out struct{ Files []FileURL }
	req := stream.Request{Protocol: l.Protocol, Version: l.Version, Command: "files", Root: l.Root}
	path := req.EscapedPath()
	if l.Query != "" {
		path += "?" + l.Query
	}
	err := c.call(ctx, http.MethodGet, path, nil, &out)
	return out.Files, err
}

// Search tells how the search that Files waits for goes. ok is false when there is none.
func (c *Client) Search(ctx context.Context, l Link) (s stream.Search, ok bool) {
	q := url.Values{"protocol": {l.Protocol}, "root": {l.Root}}
	err := c.call(ctx, http.MethodGet, "/api/v0/search?"+q.Encode(), nil, &s)
	return s, err == nil
}
