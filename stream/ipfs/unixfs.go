package ipfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ipfs/go-cid"

	"github.com/zeronetscript/universal_p2p/stream"
)

// errMalformed is a block that its hash fits, and that is no part of a file system all the same.
var errMalformed = fmt.Errorf("ipfs: malformed UnixFS: %w", stream.ErrCorrupt)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// Types of UnixFS nodes. https://specs.ipfs.tech/unixfs/
const (
	typeRaw       = 0
	typeDirectory = 1
	typeFile      = 2
	typeSymlink   = 4
	typeShard     = 5 // a part of a directory, a HAMT
)

// A link leads to another block.
type link struct {
	cid  cid.Cid
	name string
	size uint64 // bytes of all blocks behind it; nobody has checked it
}

// weight is about what a link takes in memory, in bytes.
func (l link) weight() int { return 64 + len(l.name) + l.cid.ByteLen() }

// A fsNode is a decoded block of a file system: of the codec dag-pb, or raw, which is a piece of a file.
type fsNode struct {
	kind   int
	data   []byte // of a file: what stands before its links; the target of a symlink; the bit field of a shard
	links  []link
	sizes  []uint64 // of a file: the bytes of it behind each link
	size   uint64   // of a file: bytes
	fanout uint64   // of a shard
	hash   uint64   // of a shard: the function
	mtime  int64    // seconds since 1970; 0 is not known
}

// maxFile is the most bytes that a file may say it has. A few small blocks can name each other so often that they stand for
// any number.
const maxFile = 1 << 44

// maxLinks is the most links that one block may have, and the most sizes of what is behind them. A link by any hash that can be
// trusted hardly has less than 40 bytes; those with less are a way to make a small block large in memory.
const maxLinks = maxBlock / 40

// decode makes a node of a block. The node keeps data.
func decode(c cid.Cid, data []byte) (*fsNode, error) {
	switch c.Prefix().Codec {
	case cid.Raw:
		return &fsNode{kind: typeRaw, data: data, size: uint64(len(data))}, nil
	case cid.DagProtobuf:
		return decodePB(data)
	}
	return nil, malformed("codec 0x%x is neither raw nor dag-pb", c.Prefix().Codec)
}

// decodePB decodes a dag-pb block: PBNode{ Data = 1, Links = 2 }. https://ipld.io/specs/codecs/dag-pb/spec/
func decodePB(b []byte) (*fsNode, error) {
	n := new(fsNode)
	var inner []byte
	has := false
	for f := range fields(b) {
		switch {
		case f.err != nil:
			return nil, f.err
		case f.num == 1 && f.bytes != nil && !has:
			inner, has = f.bytes, true
		case f.num == 2 && f.bytes != nil:
			l, err := decodeLink(f.bytes)
			if err != nil {
				return nil, err
			}
			if len(n.links) == maxLinks {
				return nil, malformed("a block with more than %d links", maxLinks)
			}
			n.links = append(n.links, l)
		default:
			return nil, malformed("field %d in a dag-pb node", f.num)
		}
	}
	if !has {
		return nil, malformed("a dag-pb node without data")
	}
	if err := n.decodeData(inner); err != nil {
		return nil, err
	}
	if 2*len(n.data) < len(b) {
		n.data = bytes.Clone(n.data) // so that the rest of the block can go
	}
	return n, n.check()
}

// decodeLink decodes PBLink{ Hash = 1, Name = 2, Tsize = 3 }.
func decodeLink(b []byte) (l link, err error) {
	for f := range fields(b) {
		switch {
		case f.err != nil:
			return l, f.err
		case f.num == 1 && f.bytes != nil:
			if l.cid, err = cid.Cast(f.bytes); err != nil {
				return l, malformed("a link: %v", err)
			}
		case f.num == 2 && f.bytes != nil:
			l.name = string(f.bytes)
		case f.num == 3 && f.bytes == nil:
			l.size = f.value
		default:
			return l, malformed("field %d in a link", f.num)
		}
	}
	if !l.cid.Defined() {
		return l, malformed("a link to nothing")
	}
	return l, nil
}

// decodeData decodes the UnixFS message: Type = 1, Data = 2, filesize = 3, blocksizes = 4, hashType = 5, fanout = 6, mode = 7,
// mtime = 8. Of what comes twice the last counts, as in any protocol buffer.
func (n *fsNode) decodeData(b []byte) error {
	n.kind = -1
	for f := range fields(b) {
		switch {
		case f.err != nil:
			return f.err
		case f.num == 1 && f.bytes == nil && f.value <= typeShard:
			n.kind = int(f.value)
		case f.num == 2 && f.bytes != nil:
			n.data = f.bytes
		case f.num == 3 && f.bytes == nil:
			n.size = f.value
		case f.num == 4 && f.bytes == nil:
			if err := n.addSize(f.value); err != nil {
				return err
			}
		case f.num == 4: // packed
			for rest := f.bytes; len(rest) > 0; {
				v, k := binary.Uvarint(rest)
				if k <= 0 {
					return malformed("a size of a block")
				}
				if err := n.addSize(v); err != nil {
					return err
				}
				rest = rest[k:]
			}
		case f.num == 5 && f.bytes == nil:
			n.hash = f.value
		case f.num == 6 && f.bytes == nil:
			n.fanout = f.value
		case f.num == 8 && f.bytes != nil:
			for g := range fields(f.bytes) {
				if g.err == nil && g.num == 1 && g.bytes == nil {
					n.mtime = int64(g.value)
				}
			}
		case f.num < 1:
			return malformed("field %d", f.num)
		}
	}
	return nil
}

func (n *fsNode) addSize(v uint64) error {
	if len(n.sizes) == maxLinks {
		return malformed("a block with more than %d sizes", maxLinks)
	}
	n.sizes = append(n.sizes, v)
	return nil
}

// check looks whether what the node says fits together.
func (n *fsNode) check() error {
	switch n.kind {
	case typeRaw, typeFile:
		if len(n.sizes) != len(n.links) {
			return malformed("%d links with %d sizes", len(n.links), len(n.sizes))
		}
		sum := uint64(len(n.data))
		for _, s := range n.sizes {
			if s > maxFile || sum+s > maxFile {
				return malformed("a file that says it has more than %d bytes", int64(maxFile))
			}
			sum += s
		}
		if n.size != 0 && n.size != sum {
			return malformed("a file of %d bytes in parts of %d together", n.size, sum)
		}
		n.size = sum
	case typeDirectory, typeSymlink:
	case typeShard:
		if n.hash != murmur3x64 || n.fanout < 8 || n.fanout > 1024 || n.fanout&(n.fanout-1) != 0 {
			return malformed("a shard of %d by the function 0x%x", n.fanout, n.hash)
		}
		if uint64(len(n.links)) > n.fanout {
			return malformed("a shard of %d with %d links", n.fanout, len(n.links))
		}
	default:
		return malformed("a node of type %d", n.kind)
	}
	return nil
}

// weight is about what the node takes in memory, in bytes.
func (n *fsNode) weight() int {
	w := len(n.data)
	for _, l := range n.links {
		w += l.weight()
	}
	return w
}

func (n *fsNode) isFile() bool { return n.kind == typeRaw || n.kind == typeFile }
func (n *fsNode) isDir() bool  { return n.kind == typeDirectory || n.kind == typeShard }

// A field is one of a protocol buffer: a number, or bytes, which are nil for a number only.
type field struct {
	num   int
	value uint64
	bytes []byte
	err   error
}

// fields yields the fields of a protocol buffer. An error is the last. https://protobuf.dev/programming-guides/encoding/
func fields(b []byte) func(yield func(field) bool) {
	return func(yield func(field) bool) {
		for len(b) > 0 {
			f := field{err: malformed("a broken field")}
			key, k := binary.Uvarint(b)
			if k <= 0 || key>>3 == 0 || key>>3 > math.MaxInt32 {
				yield(f)
				return
			}
			b = b[k:]
			f.num = int(key >> 3)
			skip := 0
			switch key & 7 {
			case 0:
				f.value, skip = binary.Uvarint(b)
				if skip <= 0 {
					yield(f)
					return
				}
			case 1:
				skip = 8
			case 5:
				skip = 4
			case 2:
				n, k := binary.Uvarint(b)
				if k <= 0 || n > uint64(len(b)-k) {
					yield(f)
					return
				}
				f.bytes, skip = b[k:k+int(n):k+int(n)], k+int(n)
			default:
				yield(f)
				return
			}
			if skip > len(b) {
				yield(f)
				return
			}
			b, f.err = b[skip:], nil
			if !yield(f) {
				return
			}
		}
	}
}
