//go:build linux

package swarmtest

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/zeronetscript/universal_p2p/app/swarmtest/relay"
	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
	"github.com/zeronetscript/universal_p2p/assets"
)

// inVolumes stores the files in a RAR archive of about n volumes.
func inVolumes(t *testing.T, o rartest.Options, n int, files []named) (volumes []named) {
	t.Helper()
	var members []rartest.File
	size := 0
	for _, f := range files {
		members = append(members, rartest.File{Name: f.path, Data: f.data})
		size += len(f.data)
	}
	o.Volume = int64(size)/int64(n) + 200 // their headers need room too
	made, err := rartest.Make(o, members...)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range made {
		volumes = append(volumes, named{v.Name, v.Bytes()})
	}
	return volumes
}

// Members that lie across the volumes of a RAR set, whatever its format and the names of its volumes.
func TestVolumes(t *testing.T) {
	t.Parallel()
	files := []named{{"film.mp4", text(220, 3*mib)}, {"extra/1.jpg", text(221, 300*kib)}, {"info.nfo", text(222, 3*kib)}}
	var folder []named
	sets := make(map[string]string) // first volume by what it is
	for name, o := range map[string]rartest.Options{
		"rar4":     {Name: "rar4", Format: 4},
		"rar4-old": {Name: "rar4-old", Format: 4, OldNames: true},
		"rar5":     {Name: "rar5"},
		"rar5-qo":  {Name: "rar5-qo", Quick: true, Digits: 3},
	} {
		set := inVolumes(t, o, 7, files)
		sets[name] = set[0].path
		folder = append(folder, set...)
	}
	for network, share := range networks {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			turn(t)
			s := share(t, "Sets", folder)
			for name, first := range sets {
				t.Run(name, func(t *testing.T) { checkMembers(t, s, first, files) })
			}
		})
	}
}

// A video in a set of 20 volumes plays in a browser and is jumped about in, while most of it is still with the peer.
func TestVideoInVolumes(t *testing.T) {
	t.Parallel()
	alone(t)
	short, err := fs.ReadFile(assets.Demo(), "video.webm")
	if err != nil {
		t.Fatal(err)
	}
	video, err := longer(short, 16) // four minutes
	if err != nil {
		t.Fatal(err)
	}
	set := inVolumes(t, rartest.Options{Name: "film", Format: 4, OldNames: true}, 20, []named{{"readme.txt", text(230, 4*kib)}, {"film.webm", video}})
	if len(set) != 20 && len(set) != 21 {
		t.Fatalf("there are %d volumes", len(set))
	}
	f := newFolder(t, "Film", 64*kib, set)
	peer := freeAddr(t)
	libtorrent(t, lab{Torrents: []string{f.torrent}, Save: f.dir, Listen: []string{peer}, ByIndex: true})
	wire := behind(t, peer, relay.Wire{Rate: relay.Mbit(4), Delay: 20 * time.Millisecond})
	p := start(t, settings{})

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<video muted autoplay crossorigin="anonymous" src="%s"></video>`, p.stream(f.hash, set[0].path+"/film.webm", "x.pe", wire.Addr()))
	}))
	t.Cleanup(srv.Close)
	page := openPage(t, srv.URL)
	start := time.Now()
	if _, err := chromedp.Run(page, chromedp.Poll[bool](`document.querySelector("video").currentTime > 0`, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Fatalf("the video does not play: %v", err)
	}
	t.Logf("it plays after %v, %d of %d bytes fetched", time.Since(start), wire.Down(), len(video))
	if wire.Down() > int64(len(video))*9/10 {
		t.Error("it did not play before it was here")
	}
	for _, to := range []float64{200, 60} {
		jump := fmt.Sprintf(`new Promise(done => {
			const v = document.querySelector("video");
			v.currentTime = %v;
			v.addEventListener("timeupdate", () => { if (v.currentTime > %v + 0.3 && v.currentTime < %v + 2) done(v.currentTime); });
			setTimeout(() => done(-1), 20000);
		})`, to, to, to)
		start := time.Now()
		if at, err := chromedp.Run(page, chromedp.Evaluate[float64](jump, chromedp.EvalAwaitPromise)); err != nil || at < to {
			t.Fatalf("after a jump to %v s the video is at %v s, %v", to, at, err)
		}
		t.Logf("it plays at %v s after %v, %d of %d bytes fetched", to, time.Since(start), wire.Down(), len(video))
	}
	got, _ := get(t, p.stream(f.hash, set[0].path+"/film.webm", "x.pe", wire.Addr()), time.Minute)
	if got.SHA256 != sha(video) {
		t.Errorf("the video in volumes: %v", got)
	}
}
