package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// maxLine bounds a line of a file of ours, in bytes. The longest we write is shorter: see maxPath and its like.
const maxLine = 16 << 10

// format is the version of our files. It stands in their first line.
const format = 1

var errNewer = errors.New("written by a newer version of this program")

// appendLine adds v as JSON in a line of its own, behind the CRC-32C of that in eight hex digits and a space.
func appendLine(b []byte, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	b = fmt.Appendf(b, "%08x ", checksum(data))
	b = append(b, data...)
	return append(b, '\n'), nil
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// head is the first line of a file.
type head struct {
	Format int `json:"ledger"`
}

// readLines hands the JSON of every good line to take, in order, the head apart. It counts the lines that are damaged, by their
// checksum or because take said so, and returns the length of the file up to the end of its last whole line: what comes behind
// it was torn by a crash. The error is that of the reader, or errNewer.
func readLines(r io.Reader, take func(data []byte) bool) (whole int64, damaged int, err error) {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		n, long := int64(len(line)), err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			line, err = br.ReadSlice('\n')
			n += int64(len(line))
		}
		if err == io.EOF {
			return whole, damaged, nil
		}
		if err != nil {
			return whole, damaged, err
		}
		whole += n
		data, ok := checkLine(line)
		if !ok || long {
			damaged++
			continue
		}
		if h := (head{}); whole == n && bytes.HasPrefix(data, []byte(`{"ledger"`)) && json.Unmarshal(data, &h) == nil {
			if h.Format > format {
				return whole, damaged, errNewer
			}
			continue
		}
		if !take(data) {
			damaged++
		}
	}
}

// checkLine returns the JSON of a line whose checksum is right.
func checkLine(line []byte) ([]byte, bool) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	if len(line) < 9 || line[8] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	return line[9:], err == nil && uint32(sum) == checksum(line[9:])
}

// A record is a line of the history. Its fields name an entry, and what is to be done with it.
type record struct {
	Op       op      `json:"o,omitempty"`
	Site     Site    `json:"s,omitzero"`
	Protocol string  `json:"v,omitempty"`
	Root     string  `json:"r,omitempty"`
	Path     *string `json:"p,omitempty"` // of an item
	First    int64   `json:"f,omitempty"` // seconds of Unix time
	Last     int64   `json:"l,omitempty"`
	Requests int64   `json:"n,omitempty"`
	Bytes    int64   `json:"b,omitempty"`
	Folded   int64   `json:"k,omitempty"`
}

type op string

const (
	opSet   op = ""      // an item has these sums from now on
	opAdd   op = "add"   // these sums go into those of an entry that is no item
	opDrop  op = "drop"  // a site has taken back its claim to a root; and these sums are added, as by opAdd
	opClaim op = "claim" // and has asked for it again
	opFold  op = "fold"  // an entry has gone, and these sums go into the one above it
)

func newRecord(o op, n *node, s sum) record {
	r := record{Op: o, Site: n.site, First: s.first, Last: s.last, Requests: s.requests, Bytes: s.bytes, Folded: s.folded}
	if n.level >= rootLevel {
		root := n.root()
		r.Protocol, r.Root = root.Protocol, root.ID
	}
	if n.level == itemLevel {
		r.Path = &n.name
	}
	return r
}

// lineFrame is what a line has beside its names, at most: checksum, field names, five numbers.
const lineFrame = 9 + 70 + 5*19 + 1

// mostBytes is the most bytes that the line of r takes, with or without an op.
func (r *record) mostBytes() int64 {
	n := lineFrame + jsonLen(r.Site.name) + jsonLen(r.Protocol) + jsonLen(r.Root)
	if r.Path != nil {
		n += jsonLen(*r.Path)
	}
	return int64(n)
}

// jsonLen is the most bytes that encoding/json writes for a text, without quotes.
func jsonLen(s string) (n int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c == '<', c == '>', c == '&':
			n += len(`\u0000`)
		case c == '"', c == '\\':
			n += 2
		case c == 0xe2: // the first of three bytes of U+2028, which becomes \u2028
			n += 4
		default:
			n++
		}
	}
	return n
}

// apply does to the tree what a line says; false when the line says nothing sensible. No time is later than now.
func (t *tree) apply(data []byte, now int64) bool {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return false
	}
	s := sum{min(r.First, now), min(r.Last, now), r.Requests, r.Bytes, r.Folded}
	if s.first < 0 || s.last < s.first || s.requests < 0 || s.bytes < 0 || s.folded < 0 {
		return false
	}
	e, ok := r.entry()
	switch {
	case !ok:
		return false
	case r.Op == opSet && e.isItem:
		n := t.find(e, true)
		n.sum = s
		n.sum.folded = 0
		t.replayed(n)
	case r.Op == opAdd && !e.isItem:
		n := t.find(e, true)
		n.sum.add(s)
		t.replayed(n)
	case (r.Op == opDrop || r.Op == opClaim) && e.root != Root{} && !e.isItem:
		n := t.find(e, true)
		t.claim(n, r.Op == opClaim)
		n.sum.add(s)
		t.replayed(n)
	case r.Op == opFold && e != entry{}:
		if n := t.find(e, false); n != nil {
			for n.children.first != nil { // what is below is in the sums already
				t.cut(n.children.first)
			}
			t.unlink(n)
		}
		n := t.find(e.up(), true)
		n.sum.add(s)
		t.replayed(n)
	default:
		return false
	}
	return true
}

// entry is what r is about, if that can be.
func (r record) entry() (e entry, ok bool) {
	e = entry{site: r.Site, root: Root{r.Protocol, r.Root}}
	if r.Path != nil {
		e.path, e.isItem = *r.Path, true
	}
	hasSite, hasRoot := e.site != Site{}, e.root.ID != ""
	return e, e.fits() && e == e.clean() && (hasSite || !hasRoot) && (hasRoot || !e.isItem && e.root.Protocol == "")
}

func (t *tree) replayed(n *node) {
	t.touch(n)
	n.written()
}

// written notes that the file has something about n.
func (n *node) written() {
	for ; n.parent != nil && !n.onDisk; n = n.parent {
		n.onDisk = true
	}
}
