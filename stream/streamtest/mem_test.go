package streamtest_test

import (
	"testing"

	"github.com/zeronetscript/universal_p2p/stream"
	"github.com/zeronetscript/universal_p2p/stream/streamtest"
)

func memSuite(make func(*testing.T, *streamtest.MemTree)) streamtest.Suite {
	start := func(prepare ...func(*streamtest.MemTree)) func(*testing.T, map[string][]byte) (stream.Backend, stream.Root) {
		return func(t *testing.T, files map[string][]byte) (stream.Backend, stream.Root) {
			m := streamtest.NewMem()
			tree := m.Add("tree1", "a tree", files)
			make(t, tree)
			for _, p := range prepare {
				p(tree)
			}
			t.Cleanup(func() {
				if bad := m.Misuse(); bad != nil {
					t.Errorf("misuse: %q", bad)
				}
			})
			return m, stream.Root{ID: "Tree1"}
		}
	}
	hold := func(tree *streamtest.MemTree) {
		for _, f := range tree.Files() {
			f.Hold(0)
		}
	}
	bare := func(t *testing.T, data []byte) (stream.Backend, stream.Root) {
		m := streamtest.NewMem()
		make(t, m.AddBare("tree1", data))
		return m, stream.Root{ID: "Tree1"}
	}
	return streamtest.Suite{New: start(), Stuck: start(hold), Bare: bare, Absent: "absent", BadRoots: []string{"tree-1", "tree1/"}}
}

func TestMem(t *testing.T) {
	memSuite(func(*testing.T, *streamtest.MemTree) {}).Run(t)
}

func TestMemEarly(t *testing.T) {
	memSuite(func(_ *testing.T, tree *streamtest.MemTree) {
		for _, f := range tree.Files() {
			f.Early()
		}
	}).Run(t)
}
