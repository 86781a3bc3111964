package app

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A value is a field of a Config as the config file writes it.
type value interface {
	set(v any) error // v as go-toml decodes into an any; the error says what is wanted
	text() string    // TOML
}

type (
	boolValue struct{ p *bool }
	intValue  struct {
		p        *int
		min, max int
	}
	sizeValue   struct{ p *int64 }
	quotaValue  struct{ p *int64 }
	addrValue   struct{ p *string }
	choiceValue struct {
		p  *string
		of []string
	}
	listValue struct {
		p     *[]string
		check func(string) error
	}
)

func (v boolValue) text() string { return strconv.FormatBool(*v.p) }
func (v boolValue) set(x any) error {
	b, ok := x.(bool)
	if !ok {
		return fmt.Errorf("%s is neither true nor false", show(x))
	}
	*v.p = b
	return nil
}

func (v intValue) text() string { return strconv.Itoa(*v.p) }
func (v intValue) set(x any) error {
	n, ok := x.(int64)
	if !ok || n < int64(v.min) || n > int64(v.max) {
		return fmt.Errorf("%s is no whole number from %d to %d", show(x), v.min, v.max)
	}
	*v.p = int(n)
	return nil
}

func (v sizeValue) text() string { return sizeText(*v.p) }
func (v sizeValue) set(x any) error {
	switch x := x.(type) {
	case int64:
		if x < 0 {
			return fmt.Errorf("%d is less than nothing", x)
		}
		*v.p = x
		return nil
	case string:
		n, err := ParseSize(x)
		if err != nil {
			return err
		}
		*v.p = n
		return nil
	}
	return fmt.Errorf("%s is no size; write it like \"10GiB\" or 4096", show(x))
}

func sizeText(n int64) string {
	s := FormatSize(n)
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return s
	}
	return strconv.Quote(s)
}

func (v quotaValue) text() string {
	if *v.p == 0 {
		return `"auto"`
	}
	return sizeText(*v.p)
}

func (v quotaValue) set(x any) error {
	if x == "auto" {
		*v.p = 0
		return nil
	}
	var n int64
	if err := (sizeValue{&n}).set(x); err != nil {
		return err
	}
	if n < minQuota {
		return fmt.Errorf("%s is too small to stream anything; the least is %s", FormatSize(n), FormatSize(minQuota))
	}
	*v.p = n
	return nil
}

// minQuota is the least quota that makes sense: two pieces of 8 MiB for one reader.
const minQuota = 16 << 20

func (v addrValue) text() string { return strconv.Quote(*v.p) }
func (v addrValue) set(x any) error {
	s, ok := x.(string)
	if !ok {
		return fmt.Errorf("%s is no address; write it like %q", show(x), DefaultAddr)
	}
	if _, err := parseAddr(s); err != nil {
		return err
	}
	*v.p = s
	return nil
}

// SetAddr sets where the program answers, as a command line flag does over the config file.
func (c *Config) SetAddr(addr string) error { return addrValue{&c.Addr}.set(addr) }

// NextPort makes the program answer on the port after the one that it is to answer on now. ok is false when that was the last.
func (c *Config) NextPort() (ok bool) {
	port, err := parseAddr(c.Addr)
	if err != nil || port == 0 || port == 1<<16-1 {
		return false
	}
	c.Addr = c.Addr[:strings.LastIndexByte(c.Addr, ':')+1] + strconv.Itoa(int(port)+1)
	return true
}

// parseAddr returns the port of an address on the loopback interface.
func parseAddr(addr string) (port uint16, err error) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return 0, fmt.Errorf("%q has no port; write it like %q", addr, DefaultAddr)
	}
	n, err := strconv.ParseUint(addr[i+1:], 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q has no port from 0 to 65535; write it like %q", addr, DefaultAddr)
	}
	switch addr[:i] {
	case "127.0.0.1", "localhost", "[::1]":
		return uint16(n), nil
	}
	return 0, fmt.Errorf("%q is not on this machine alone; the host can only be 127.0.0.1, localhost or [::1]", addr)
}

func (v choiceValue) text() string { return strconv.Quote(*v.p) }
func (v choiceValue) set(x any) error {
	s, ok := x.(string)
	if !ok || !slices.Contains(v.of, s) {
		return fmt.Errorf("%s is neither \"%s\"", show(x), strings.Join(v.of, `" nor "`))
	}
	*v.p = s
	return nil
}

func (v listValue) text() string {
	if len(*v.p) == 0 {
		return "[]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, s := range *v.p {
		b.WriteString("  " + strconv.Quote(s) + ",\n")
	}
	b.WriteString("]")
	return b.String()
}

func (v listValue) set(x any) error {
	list, ok := x.([]any)
	if !ok {
		return fmt.Errorf("%s is no list; write it like [\"one\", \"two\"]", show(x))
	}
	out := make([]string, len(list))
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			return fmt.Errorf("%s is no text in quotes", show(e))
		}
		if err := v.check(s); err != nil {
			return err
		}
		out[i] = s
	}
	*v.p = out
	return nil
}

func checkHostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || strings.ContainsFunc(host, notInURL) {
		return fmt.Errorf("%q is no host and port; write it like \"router.bittorrent.com:6881\"", s)
	}
	return nil
}

func checkTracker(s string) error {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || rest == "" || strings.ContainsFunc(rest, notInURL) || !slices.Contains([]string{"udp", "http", "https", "ws", "wss"}, scheme) {
		return fmt.Errorf("%q is no tracker; its URL starts with udp://, http://, https://, ws:// or wss://", s)
	}
	return nil
}

// checkWeb takes the address of a web server.
func checkWeb(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || strings.ContainsFunc(s, notInURL) {
		return fmt.Errorf("%q is no server; write it like \"https://delegated-ipfs.dev\"", s)
	}
	return nil
}

// checkPeer takes the address of a libp2p peer with its ID, as far as it can be told without the network.
func checkPeer(s string) error {
	if parts := strings.Split(s, "/"); len(parts) < 5 || parts[0] != "" || !slices.Contains(parts[1:], "p2p") || strings.ContainsFunc(s, notInURL) {
		return fmt.Errorf("%q is no peer; write it like \"/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN\"", s)
	}
	return nil
}

// checkHost takes the name of a host that is none of ours.
func checkHost(s string) error {
	labels := strings.Split(s, ".")
	last := labels[len(labels)-1]
	bad := len(s) > 253 || last == "localhost" || strings.Trim(last, "0123456789") == "" // or an IP address
	for _, l := range labels {
		bad = bad || l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
	}
	if bad {
		return fmt.Errorf("%q is no host to answer for; write its name in small letters and without a port, like \"ipfs.example.org\"", s)
	}
	return nil
}

func notInURL(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

// show writes a decoded TOML value into an error message, shortened.
func show(x any) string {
	switch x := x.(type) {
	case string:
		if len(x) > 60 {
			x = x[:60] + "..."
		}
		return strconv.Quote(x)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	}
	return fmt.Sprint(x)
}
