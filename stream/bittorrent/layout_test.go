package bittorrent

import (
	"slices"
	"testing"

	"github.com/anacrolix/torrent/metainfo"
)

// v1Info is a torrent of one file.
func v1Info(length, pieceLength int64) *metainfo.Info {
	info := &metainfo.Info{Name: "n", Length: length, PieceLength: pieceLength}
	if pieceLength > 0 && length > 0 {
		info.Pieces = make([]byte, 20*((length+pieceLength-1)/pieceLength))
	}
	return info
}

// v2Info is a torrent of files a, b, c... of these lengths.
func v2Info(pieceLength int64, lengths ...int64) *metainfo.Info {
	info := &metainfo.Info{Name: "n", PieceLength: pieceLength, MetaVersion: 2}
	info.FileTree.Dir = make(map[string]metainfo.FileTree)
	for i, n := range lengths {
		f := metainfo.FileTreeFile{Length: n}
		if n != 0 {
			f.PiecesRoot = string(make([]byte, 32))
		}
		info.FileTree.Dir[string(rune('a'+i))] = metainfo.FileTree{File: f}
	}
	return info
}

func TestLayout(t *testing.T) {
	const k = 1 << 10
	tests := []struct {
		name   string
		info   *metainfo.Info
		sizes  []int64 // of the pieces
		blocks []block // in the pieces
		bpp    block
	}{
		{"v1", v1Info(100*k, 32*k), []int64{32 * k, 32 * k, 32 * k, 4 * k}, []block{2, 2, 2, 1}, 2},
		{"v1, full", v1Info(64*k, 32*k), []int64{32 * k, 32 * k}, []block{2, 2}, 2},
		{"v1, one byte", v1Info(1, 32*k), []int64{1}, []block{1}, 2},
		{"v1, one byte more", v1Info(32*k+1, 32*k), []int64{32 * k, 1}, []block{2, 1}, 2},
		{"v1, pieces smaller than a block", v1Info(2500, 1000), []int64{1000, 1000, 500}, []block{1, 1, 1}, 1},
		{"v1, pieces that are no whole blocks", v1Info(100000, 40000), []int64{40000, 40000, 20000}, []block{3, 3, 2}, 3},
		{"v1, pieces of a block and a byte", v1Info(40000, 16*k+1), []int64{16*k + 1, 16*k + 1, 7230}, []block{2, 2, 1}, 2},
		{"v1, many files", v1FilesOf(10, 1*k, 5, 0, 15*k, 3*k), []int64{10, 10, 10}, nil, 1},
		{"v2", v2Info(32*k, 100*k), []int64{32 * k, 32 * k, 32 * k, 4 * k}, []block{2, 2, 2, 1}, 2},
		{"v2, uneven", v2Info(32*k, 40*k, 0, 5, 64*k, 0), []int64{32 * k, 8 * k, 5, 32 * k, 32 * k}, []block{2, 1, 1, 2, 2}, 2},
		{"v2, smallest pieces", v2Info(16*k, 1, 16*k, 16*k+1), []int64{1, 16 * k, 16 * k, 1}, []block{1, 1, 1, 1}, 1},
		{"v2, biggest pieces", v2Info(maxPieceLength, 1, maxPieceLength+1), []int64{1, maxPieceLength, 1}, []block{1, 32 * k, 1}, 32 * k},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "v1, many files" {
				tt.sizes, tt.blocks = []int64{16 * k, 3*k + 15}, []block{1, 1}
			}
			l, err := newLayout(tt.info)
			if err != nil {
				t.Fatal(err)
			}
			var sizes []int64
			var blocks []block
			for i := range l.pieces {
				sizes, blocks = append(sizes, l.size(i)), append(blocks, l.blocks(i))
			}
			if !slices.Equal(sizes, tt.sizes) || !slices.Equal(blocks, tt.blocks) || l.bpp != tt.bpp {
				t.Errorf("pieces of %v bytes and %v blocks, %d each", sizes, blocks, l.bpp)
			}
			checkLayout(t, l, tt.info)
		})
	}
}

// v1FilesOf is a torrent of files of these lengths.
func v1FilesOf(lengths ...int64) *metainfo.Info {
	info := &metainfo.Info{Name: "n", PieceLength: 16 << 10}
	var total int64
	for _, n := range lengths {
		info.Files = append(info.Files, metainfo.FileInfo{Path: []string{"f"}, Length: n})
		total += n
	}
	info.Pieces = make([]byte, 20*((total+info.PieceLength-1)/info.PieceLength))
	return info
}

// checkLayout checks that the parts of a layout agree with each other and with the library.
func checkLayout(t *testing.T, l layout, info *metainfo.Info) {
	t.Helper()
	for i := range l.pieces {
		if got, want := l.size(i), info.Piece(i).Length(); got != want || got <= 0 || got > l.pieceLength {
			t.Fatalf("piece %d has %d bytes, the library says %d", i, got, want)
		}
		begin := int64(i) * l.pieceLength
		for _, in := range []int64{0, 1, l.size(i) / 2, l.size(i) - 1} {
			if in >= l.size(i) {
				continue
			}
			if p, at := l.piece(begin + in); p != i || at != in {
				t.Fatalf("offset %d is %d of piece %d, want %d of %d", begin+in, at, p, in, i)
			}
			b := l.block(begin + in)
			if l.pieceOf(b) != i || b < l.first(i) || b >= l.first(i)+l.blocks(i) || int64(b-l.first(i)) != in/blockSize {
				t.Fatalf("offset %d is block %d of piece %d, which has %d from %d", begin+in, b, l.pieceOf(b), l.blocks(i), l.first(i))
			}
		}
		if l.blocks(i) > l.bpp || i > 0 && l.first(i) != l.first(i-1)+l.bpp {
			t.Fatalf("piece %d: %d blocks from %d", i, l.blocks(i), l.first(i))
		}
	}
	end := l.total()
	var sum, files int64
	for i := range l.pieces {
		sum += l.size(i)
	}
	for fi := range info.UpvertedFilesIter() {
		if fi.Length > 0 && fi.TorrentOffset+fi.Length > end {
			t.Fatalf("a file ends at %d of %d", fi.TorrentOffset+fi.Length, end)
		}
		files += fi.Length
	}
	if l.content() != sum || sum != files {
		t.Fatalf("%d bytes of content, %d in pieces, %d in files", l.content(), sum, files)
	}
}

func TestLayoutOfTools(t *testing.T) {
	for _, name := range fixtures() {
		_, info := readFixture(t, name)
		l, err := newLayout(info)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkLayout(t, l, info)
	}
}

// Everything that a swarm or an upload can say must be an error, and cost nothing.
func TestLayoutBad(t *testing.T) {
	const k = 1 << 10
	hybrid := func(change func(*metainfo.Info)) *metainfo.Info {
		info := v2Info(32*k, 40*k, 5)
		info.Pieces = make([]byte, 60)
		info.Files = []metainfo.FileInfo{{Path: []string{"a"}, Length: 40 * k}, {Path: []string{"pad"}, Length: 24 * k}, {Path: []string{"b"}, Length: 5}}
		change(info)
		return info
	}
	if _, err := newLayout(hybrid(func(*metainfo.Info) {})); err != nil {
		t.Fatal(err)
	}
	v1 := func(change func(*metainfo.Info)) *metainfo.Info {
		info := v1Info(100*k, 32*k)
		change(info)
		return info
	}
	v2 := func(change func(*metainfo.FileTree)) *metainfo.Info {
		info := v2Info(32*k, 40*k)
		change(&info.FileTree)
		return info
	}
	tests := map[string]*metainfo.Info{
		"nothing":                      {},
		"version 2 and nothing":        {MetaVersion: 2},
		"version 2, no piece length":   v2Info(0, 5),
		"version 3":                    {MetaVersion: 3, PieceLength: 32 * k},
		"no files":                     v2Info(32 * k),
		"empty files":                  v2Info(32*k, 0, 0),
		"empty file":                   v1Info(0, 32*k),
		"no piece length":              v1(func(i *metainfo.Info) { i.PieceLength = 0 }),
		"negative piece length":        v1(func(i *metainfo.Info) { i.PieceLength = -1 }),
		"smallest piece length":        v1(func(i *metainfo.Info) { i.PieceLength = -1 << 63 }),
		"huge pieces":                  v1Info(1, maxPieceLength+1),
		"largest piece length":         v1(func(i *metainfo.Info) { i.PieceLength = 1<<63 - 1 }),
		"half a hash":                  v1(func(i *metainfo.Info) { i.Pieces = i.Pieces[:30] }),
		"a hash too few":               v1(func(i *metainfo.Info) { i.Pieces = i.Pieces[20:] }),
		"a hash too many":              v1(func(i *metainfo.Info) { i.Pieces = append(i.Pieces, make([]byte, 20)...) }),
		"negative length":              v1(func(i *metainfo.Info) { i.Length = -100 * k }),
		"largest length":               v1(func(i *metainfo.Info) { i.Length = 1<<63 - 1 }),
		"lengths that cancel out":      v1FilesOf(40*k, -10*k, 10*k),
		"lengths that wrap around":     v1FilesOf(1<<62, 1<<62, 1<<62, 1<<62, 5),
		"v2, negative length":          v2Info(32*k, 40*k, -5),
		"v2, largest length":           v2Info(32*k, 1<<63-1),
		"v2, lengths that wrap around": v2Info(32*k, 1<<62, 1<<62, 1<<62, 1<<62, 5),
		"v2, petabytes in a few bytes": v2Info(16*k, 1<<50),
		"v2, more pieces than allowed": v2Info(16*k, (maxPieces+1)*16*k),
		"v2, odd pieces":               v2Info(40000, 100000),
		"v2, small pieces":             v2Info(8*k, 100000),
		"v2, blocks beyond counting":   v2Info(maxPieceLength, maxPieceLength*(1<<18)),
		"v2, short root": v2(func(f *metainfo.FileTree) {
			f.Dir["a"] = metainfo.FileTree{File: metainfo.FileTreeFile{Length: 5, PiecesRoot: "x"}}
		}),
		"v2, no root":              v2(func(f *metainfo.FileTree) { f.Dir["a"] = metainfo.FileTree{File: metainfo.FileTreeFile{Length: 5}} }),
		"v2, a folder with bytes":  v2(func(f *metainfo.FileTree) { f.File.Length = 5 }),
		"hybrid, a hash too few":   hybrid(func(i *metainfo.Info) { i.Pieces = i.Pieces[20:] }),
		"hybrid, a hash too many":  hybrid(func(i *metainfo.Info) { i.Pieces = append(i.Pieces, make([]byte, 20)...) }),
		"hybrid, half a hash":      hybrid(func(i *metainfo.Info) { i.Pieces = i.Pieces[:50] }),
		"hybrid, v1 ends early":    hybrid(func(i *metainfo.Info) { i.Files = i.Files[:2] }),
		"hybrid, v1 ends late":     hybrid(func(i *metainfo.Info) { i.Files[2].Length = 33 * k }),
		"hybrid, v1 cuts the last": hybrid(func(i *metainfo.Info) { i.Files[2].Length = 4 }),
		"hybrid, v1 negative":      hybrid(func(i *metainfo.Info) { i.Files[2].Length = -5 }),
		"hybrid, v1 wraps around":  hybrid(func(i *metainfo.Info) { i.Files[0].Length, i.Files[1].Length = 1<<63-1, 1<<63-1 }),
		"hybrid, v1 of one file":   hybrid(func(i *metainfo.Info) { i.Files, i.Length = nil, 1 }),
		"hybrid, no v1 files":      hybrid(func(i *metainfo.Info) { i.Files = nil }),
	}
	for name, info := range tests {
		if l, err := newLayout(info); err == nil {
			t.Errorf("%s: %d pieces", name, l.pieces)
		}
	}
}
