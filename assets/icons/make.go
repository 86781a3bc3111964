//go:build ignore

// Make draws every icon from the one description of the mark below: go run make.go, in this folder. The results are committed; run it
// only to change them. They are the same on every run.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// The mark: three peers that are linked, and the three together are a play triangle. All lengths are of a square of 64.
var nodes = [3]point{{16, 13}, {16, 51}, {50, 32}}

const (
	side = 64.0
	node = 9.5 // radius
	link = 4.0 // half of the width
	// The sign that some states add, at the lower right. The mark makes room for it.
	signX, signY, signR, signGap = 48.0, 48.0, 15.5, 3.0
	room                         = 0.8
)

type point struct{ x, y float64 }

func (p point) to(q point) float64 { return math.Hypot(p.x-q.x, p.y-q.y) }

// toLine is the distance to the line from a to b.
func (p point) toLine(a, b point) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	t := ((p.x-a.x)*dx + (p.y-a.y)*dy) / (dx*dx + dy*dy)
	t = min(max(t, 0), 1)
	return p.to(point{a.x + t*dx, a.y + t*dy})
}

// inMark says whether the mark covers p. A full one has no hole.
func inMark(p point, full bool) bool {
	inside := true
	for i, a := range nodes {
		b := nodes[(i+1)%len(nodes)]
		if p.to(a) <= node || p.toLine(a, b) <= link {
			return true
		}
		inside = inside && (b.x-a.x)*(p.y-a.y)-(b.y-a.y)*(p.x-a.x) <= 0
	}
	return full && inside
}

func in(p point, x0, y0, x1, y1 float64) bool {
	return p.x >= x0 && p.x <= x1 && p.y >= y0 && p.y <= y1
}

// A paint is a colour with its alpha from 0 to 1, not premultiplied.
type paint struct{ r, g, b, a float64 }

func hex(s string) paint {
	n, err := strconv.ParseUint(s, 16, 24)
	if err != nil {
		log.Fatal(err)
	}
	return paint{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255), 1}
}

func (p paint) dim(a float64) paint { return paint{p.r, p.g, p.b, a} }

// A look is the colours of an icon in the tray.
type look struct {
	name                      string
	mark, stream, alarm, sign paint // sign is what stands on the alarm
}

var looks = []look{
	{"dark", hex("f5f7fa"), hex("4ade80"), hex("ff922b"), hex("1b1d22")},  // for dark panels
	{"light", hex("23272e"), hex("0b8a3e"), hex("d9480f"), hex("ffffff")}, // for light ones
	{"any", hex("2f86eb"), hex("16a34a"), hex("e8590c"), hex("ffffff")},   // 3:1 at least against black and against white
	{"template", hex("000000"), hex("000000"), hex("000000"), paint{}},    // macOS takes the alpha and colours it itself
}

var states = []string{"idle", "streaming", "problem", "paused"}

// tray is the colour at p of the icon for a state.
func (l look) tray(state string, p point) paint {
	sign, small := p.to(point{signX, signY}), point{(p.x - 1) / room, (p.y - 1) / room}
	switch state {
	case "streaming":
		if inMark(p, true) {
			return l.stream
		}
	case "problem":
		if sign <= signR {
			if in(p, signX-2.75, signY-10, signX+2.75, signY+2) || in(p, signX-2.75, signY+5, signX+2.75, signY+10) {
				return l.sign
			}
			return l.alarm
		}
		if sign > signR+signGap && inMark(small, false) {
			return l.mark
		}
	case "paused":
		if in(p, signX-11, signY-12, signX-3, signY+12) || in(p, signX+3, signY-12, signX+11, signY+12) {
			return l.mark
		}
		if !in(p, signX-11-signGap, signY-12-signGap, side, side) && inMark(small, false) {
			return l.mark.dim(0.65)
		}
	default:
		if inMark(p, false) {
			return l.mark
		}
	}
	return paint{}
}

// The icon of the program: the mark in white on a tile.
const (
	tile   = 15.0 // radius of its corners
	shrink = 0.76 // of the mark
)

var top, bottom, ink, core = hex("3b82f6"), hex("0f3d91"), hex("ffffff"), hex("86efac")

func app(p point) paint {
	q := point{min(max(p.x, tile), side-tile), min(max(p.y, tile), side-tile)}
	if p.to(q) > tile {
		return paint{}
	}
	mark := point{(p.x-side/2)/shrink + 31, (p.y-side/2)/shrink + side/2}
	if inMark(mark, false) {
		return ink
	}
	if inMark(mark, true) {
		return core
	}
	t := p.y / side
	return paint{top.r + t*(bottom.r-top.r), top.g + t*(bottom.g-top.g), top.b + t*(bottom.b-top.b), 1}
}

// draw takes the mean of 8 by 8 points of each pixel.
func draw(size int, at func(point) paint) *image.NRGBA {
	const n = 8
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	step := side / float64(size) / n
	for y := range size {
		for x := range size {
			var r, g, b, a float64
			for i := range n * n {
				c := at(point{(float64(x*n+i%n) + 0.5) * step, (float64(y*n+i/n) + 0.5) * step})
				r, g, b, a = r+c.r*c.a, g+c.g*c.a, b+c.b*c.a, a+c.a
			}
			if a > 0 {
				img.SetNRGBA(x, y, color.NRGBA{uint8(r/a + 0.5), uint8(g/a + 0.5), uint8(b/a + 0.5), uint8(a/(n*n)*255 + 0.5)})
			}
		}
	}
	return img
}

func write(name string, data []byte) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		log.Fatal(err)
	}
}

func encode(img image.Image) []byte {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// ico puts pictures into one .ico file: as bitmaps, which every Windows reads, and from 256 pixels on as PNG.
func ico(at func(point) paint, sizes ...int) []byte {
	head := binary.LittleEndian.AppendUint16(nil, 0)
	head = binary.LittleEndian.AppendUint16(head, 1)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(sizes)))
	var body []byte
	for _, size := range sizes {
		img := draw(size, at)
		data := encode(img)
		if size < 256 {
			data = dib(img)
		}
		head = append(head, byte(size), byte(size), 0, 0, 1, 0, 32, 0)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(data)))
		head = binary.LittleEndian.AppendUint32(head, uint32(6+16*len(sizes)+len(body)))
		body = append(body, data...)
	}
	return append(head, body...)
}

// dib is a BITMAPINFOHEADER, the pixels from the last line to the first, and an empty mask.
func dib(img *image.NRGBA) []byte {
	size := img.Rect.Dx()
	mask := (size + 31) / 32 * 4 * size
	b := binary.LittleEndian.AppendUint32(nil, 40)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*size)) // with the mask
	b = append(b, 1, 0, 32, 0)
	b = append(b, make([]byte, 24)...)
	for y := size - 1; y >= 0; y-- {
		for x := range size {
			c := img.NRGBAAt(x, y)
			b = append(b, c.B, c.G, c.R, c.A)
		}
	}
	return append(b, make([]byte, mask)...)
}

// icns is a file of PNG pictures by their type: https://en.wikipedia.org/wiki/Apple_Icon_Image_format
func icns(at func(point) paint) []byte {
	var body []byte
	for _, e := range []struct {
		kind string
		size int
	}{{"icp4", 16}, {"icp5", 32}, {"ic11", 32}, {"ic12", 64}, {"ic07", 128}, {"ic13", 256}, {"ic08", 256}, {"ic14", 512}, {"ic09", 512}, {"ic10", 1024}} {
		data := encode(draw(e.size, at))
		body = append(body, e.kind...)
		body = binary.BigEndian.AppendUint32(body, uint32(8+len(data)))
		body = append(body, data...)
	}
	head := binary.BigEndian.AppendUint32([]byte("icns"), uint32(8+len(body)))
	return append(head, body...)
}

// svg is the icon of the program at any size.
func svg() []byte {
	html := func(p paint) string { return fmt.Sprintf("#%02x%02x%02x", int(p.r), int(p.g), int(p.b)) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]g" height="%[1]g" viewBox="0 0 %[1]g %[1]g">
<linearGradient id="tile" x2="0" y2="1"><stop stop-color="%s"/><stop offset="1" stop-color="%s"/></linearGradient>
<rect width="%[1]g" height="%[1]g" rx="%[4]g" fill="url(#tile)"/>
<g transform="translate(%[5]g %[5]g) scale(%[6]g) translate(-31 -32)">
`, side, html(top), html(bottom), tile, side/2, shrink)
	path := fmt.Sprintf("M%g %gL%g %gL%g %gZ", nodes[0].x, nodes[0].y, nodes[1].x, nodes[1].y, nodes[2].x, nodes[2].y)
	fmt.Fprintf(&b, `<path d="%s" fill="%s" stroke="%s" stroke-width="%g" stroke-linejoin="round"/>`+"\n", path, html(core), html(ink), 2*link)
	for _, n := range nodes {
		fmt.Fprintf(&b, `<circle cx="%g" cy="%g" r="%g" fill="%s"/>`+"\n", n.x, n.y, node, html(ink))
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

func main() {
	for _, size := range []int{16, 22, 24, 32, 48, 64, 128, 256, 512} {
		write(fmt.Sprintf("app/%d.png", size), encode(draw(size, app)))
	}
	write("app/app.svg", svg())
	write("app/app.ico", ico(app, 16, 20, 24, 32, 40, 48, 64, 256))
	write("app/app.icns", icns(app))
	for _, l := range looks {
		for _, state := range states {
			at := func(p point) paint { return l.tray(state, p) }
			write("tray/"+l.name+"-"+state+".png", encode(draw(44, at)))
			if l.name == "dark" || l.name == "light" {
				write("tray/"+l.name+"-"+state+".ico", ico(at, 16, 20, 24, 32))
			}
		}
	}
}
