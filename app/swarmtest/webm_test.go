//go:build linux

package swarmtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// IDs of the elements of a WebM file (RFC 9559) that longer looks at.
const (
	ebmlSegment   = 0x18538067
	ebmlInfo      = 0x1549a966
	ebmlScale     = 0x2ad7b1
	ebmlDuration  = 0x4489
	ebmlTracks    = 0x1654ae6b
	ebmlCluster   = 0x1f43b675
	ebmlTimestamp = 0xe7
	ebmlCues      = 0x1c53bb6b
	ebmlCuePoint  = 0xbb
	ebmlCueTime   = 0xb3
	ebmlCueTracks = 0xb7
	ebmlCueTrack  = 0xf7
	ebmlCuePos    = 0xf1
)

// An element of an EBML file (RFC 8794).
type element struct {
	id   uint64
	body []byte
}

// elements splits b. The last element may have an unknown size.
func elements(b []byte) (list []element, err error) {
	number := func(mask bool) (v uint64, ok bool) {
		if len(b) == 0 || b[0] == 0 {
			return 0, false
		}
		n := bits.LeadingZeros8(b[0]) + 1
		if len(b) < n {
			return 0, false
		}
		v, b = unsigned(b[:n]), b[n:]
		if mask {
			v &^= 1 << (7 * n)
			if v == 1<<(7*n)-1 {
				v = uint64(len(b)) // unknown
			}
		}
		return v, true
	}
	for len(b) > 0 {
		id, ok := number(false)
		size, ok2 := number(true)
		if !ok || !ok2 || size > uint64(len(b)) {
			return nil, errors.New("not EBML")
		}
		list = append(list, element{id, b[:size]})
		b = b[size:]
	}
	return list, nil
}

func encode(id uint64, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	raw := binary.BigEndian.AppendUint64(nil, id)
	out := bytes.TrimLeft(raw, "\x00")
	return append(binary.BigEndian.AppendUint64(out, uint64(len(all))|1<<56), all...)
}

func unsigned(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func number(id, v uint64) []byte { return encode(id, binary.BigEndian.AppendUint64(nil, v)) }

// longer is a WebM file that plays the one in video n times over, with an index at its front.
func longer(video []byte, n int) ([]byte, error) {
	top, err := elements(video)
	if err != nil || len(top) < 2 || top[1].id != ebmlSegment {
		return nil, fmt.Errorf("not WebM: %w", err)
	}
	segment, err := elements(top[1].body)
	if err != nil {
		return nil, err
	}
	var tracks []byte
	var clusters []element
	duration := 0.0 // in milliseconds, as everybody writes it
	for _, e := range segment {
		switch e.id {
		case ebmlTracks:
			tracks = encode(e.id, e.body)
		case ebmlCluster:
			clusters = append(clusters, e)
		case ebmlInfo:
			info, _ := elements(e.body)
			for _, e := range info {
				switch {
				case e.id == ebmlDuration && len(e.body) == 4:
					duration = float64(math.Float32frombits(binary.BigEndian.Uint32(e.body)))
				case e.id == ebmlDuration && len(e.body) == 8:
					duration = math.Float64frombits(binary.BigEndian.Uint64(e.body))
				}
			}
		}
	}
	length := uint64(duration) + 1
	var body [][]byte
	var times []uint64
	for i := range uint64(n) {
		for _, c := range clusters {
			parts, err := elements(c.body)
			if err != nil || len(parts) == 0 || parts[0].id != ebmlTimestamp {
				return nil, fmt.Errorf("a cluster without a timestamp: %w", err)
			}
			t := i * length
			t += unsigned(parts[0].body)
			blocks := [][]byte{number(ebmlTimestamp, t)}
			for _, e := range parts[1:] {
				blocks = append(blocks, encode(e.id, e.body))
			}
			times = append(times, t)
			body = append(body, encode(ebmlCluster, blocks...))
		}
	}
	info := encode(ebmlInfo, number(ebmlScale, 1e6), encode(ebmlDuration, binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(n)*float64(length)))))
	cues := func(first uint64) []byte {
		var points [][]byte
		pos := first
		for i, t := range times {
			points = append(points, encode(ebmlCuePoint, number(ebmlCueTime, t), encode(ebmlCueTracks, number(ebmlCueTrack, 1), number(ebmlCuePos, pos))))
			pos += uint64(len(body[i]))
		}
		return encode(ebmlCues, points...)
	}
	front := uint64(len(info) + len(tracks))
	first := front + uint64(len(cues(0)))
	content := append([][]byte{info, tracks, cues(first)}, body...)
	return append(encode(top[0].id, top[0].body), encode(ebmlSegment, content...)...), nil
}
