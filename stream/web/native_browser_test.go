package web

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// TestBrowserNativeWebsite: a web site works as in TestBrowserWebsite that the network itself has at that host.
func TestBrowserNativeWebsite(t *testing.T) { checkNativeWebsite(t, inChromium) }

func checkNativeWebsite(t *testing.T, open opener) {
	control, sites := new(program), new(nativeSites)
	b := open(t, func(c *Config) {
		c.Control = control
		sites.Mem = c.Protocols[0].Backend.(*streamtest.Mem)
		c.Protocols[0].Backend = sites
	})
	websiteWorks(t, b, control, sites.add)

	// The address that all roots share is for looking only.
	sites.add("page", map[string][]byte{"index.html": []byte(`<!doctype html><title>Shown</title><p id=p>text</p><script src=code.js></script><script>document.title = 'Acted'</script>` +
		`<link rel=stylesheet href=style.css>`), "code.js": []byte("document.title = 'Acted'"), "style.css": []byte("p { color: red }")})
	b.visit("http://" + b.addr + "/mem/page/index.html")
	time.Sleep(300 * time.Millisecond)
	if got := b.run(`return document.title + ' ' + origin + ' ' + getComputedStyle(document.getElementById('p')).color`); got != "Shown null rgb(0, 0, 0)" {
		t.Errorf("on the address that all share: %s", got)
	}
	b.show(`<p id=p>text</p><script src="http://` + b.addr + `/mem/page/code.js"></script><link rel=stylesheet href="http://` + b.addr + `/mem/page/style.css">`)
	if got := b.run(`await sleep(200); return document.title + ' ' + getComputedStyle(document.getElementById('p')).color`); got != "A neighbour rgb(0, 0, 0)" {
		t.Errorf("a page uses code from there: %s", got)
	}
}

// nativeSites is a network that has web sites at addresses of its own.
type nativeSites struct {
	*streamtest.Mem
	mu    sync.Mutex
	sites map[string]map[string][]byte
}

func (n *nativeSites) add(root string, files map[string][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sites == nil {
		n.sites = make(map[string]map[string][]byte)
	}
	n.sites[root] = files
}

func (n *nativeSites) NativeRoot(name string) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.sites[name]
	return name, ok
}

func (*nativeSites) NativeHost(string) bool { return false }

func (n *nativeSites) ServeNative(w http.ResponseWriter, r *http.Request, found func(protocol, root, path string) error) error {
	root, _, onHost := strings.Cut(r.Host, ".mem.localhost:")
	path := strings.TrimPrefix(r.URL.Path, "/")
	if !onHost {
		root, path, _ = strings.Cut(strings.TrimPrefix(path, "mem/"), "/")
	}
	n.mu.Lock()
	files := n.sites[root]
	n.mu.Unlock()
	if _, ok := files[path+"/index.html"]; ok {
		http.Redirect(w, r, "/"+path+"/", http.StatusMovedPermanently)
		return nil
	}
	if path == "" || strings.HasSuffix(path, "/") {
		path += "index.html"
	}
	data, ok := files[path]
	if !ok {
		http.NotFound(w, r)
		return nil
	}
	if err := found("mem/v0", root, path); err != nil {
		return err
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	http.ServeContent(w, r, path, time.Time{}, bytes.NewReader(data))
	return nil
}
