package ipfs_test

import (
	"context"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/ipfs/ipfspeer"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

// absent is a CID of which nobody knows the content.
const absent = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"

func TestConformance(t *testing.T) {
	for name, o := range map[string]ipfspeer.Options{
		"v1":    {Chunk: 16 << 10, Links: 4},
		"v0":    {Chunk: 16 << 10, Links: 4, V0: true},
		"shard": {Chunk: 16 << 10, ShardFrom: 1},
	} {
		t.Run(name, func(t *testing.T) {
			seeded := func(stuck bool) func(*testing.T, map[string][]byte) (stream.Backend, stream.Root) {
				return func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root) {
					p := newPeer(t)
					id, err := p.AddFolder(context.Background(), files, o)
					if err != nil {
						t.Fatal(err)
					}
					if stuck {
						p.Withhold(func(c cid.Cid) bool { return c.Prefix().Codec == cid.Raw })
					}
					_, url := newRouter(t, p)
					b := newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, nil)
					return b, stream.Root{ID: id.String()}
				}
			}
			bare := func(t *testing.T, data []byte) (stream.Backend, stream.Root) {
				p := newPeer(t)
				id := addFile(t, p, data, o)
				_, url := newRouter(t, p)
				return newBackend(t, newStore(t, t.TempDir(), 64<<20), []string{url}, nil), stream.Root{ID: id}
			}
			s := streamtest.Suite{
				New:      seeded(false),
				Bare:     bare,
				Absent:   absent,
				BadRoots: []string{"Qm", "bafy", "bafkqaaa" + "zz", "bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi0"},
				Folders:  true,
			}
			if !o.V0 { // where the leaves of v0 cannot be told from what is above them
				s.Stuck = seeded(true)
			}
			s.Run(t)
		})
	}
}
