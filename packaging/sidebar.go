package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/png"
)

// sidebar is the picture beside the text on the last page of the setup, as a bitmap of Windows: the icon on a darker blue than its own.
// Without one NSIS shows a computer of 1999.
func (b *builder) sidebar() ([]byte, error) {
	data, err := b.icon("128.png")
	if err != nil {
		return nil, err
	}
	icon, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	const width, height, top = 164, 314, 40 // the size that NSIS wants
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		blue := color.RGBA{uint8(14 - 8*y/height), uint8(44 - 24*y/height), uint8(104 - 56*y/height), 255}
		draw.Draw(img, image.Rect(0, y, width, y+1), image.NewUniform(blue), image.Point{}, draw.Src)
	}
	left := (width - icon.Bounds().Dx()) / 2
	draw.Draw(img, icon.Bounds().Add(image.Pt(left, top)), icon, image.Point{}, draw.Over)
	return bmp(img), nil
}

// bmp is a bitmap of Windows with 24 bits for each pixel, from the lowest line to the highest (BITMAPFILEHEADER, BITMAPINFOHEADER).
func bmp(img *image.RGBA) []byte {
	const heads = 14 + 40
	width, height := img.Rect.Dx(), img.Rect.Dy()
	line := (3*width + 3) &^ 3
	out := []byte("BM")
	for _, v := range []uint32{uint32(heads + line*height), 0, heads, 40, uint32(width), uint32(height), 1 | 24<<16, 0, uint32(line * height), 0, 0, 0, 0} {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	for y := height - 1; y >= 0; y-- {
		for x := range width {
			c := img.RGBAAt(x, y)
			out = append(out, c.B, c.G, c.R)
		}
		out = append(out, make([]byte, line-3*width)...)
	}
	return out
}
