package sevenz

import "io"

// A deltaReader adds to each byte the one that many bytes before it.
type deltaReader struct {
	in   io.Reader
	last [256]byte
	at   int
	dist int
}

func newDelta(props []byte, _ int64, in io.Reader) (io.Reader, error) {
	if len(props) != 1 {
		return nil, errProps
	}
	return &deltaReader{in: in, dist: int(props[0]) + 1}, nil
}

func (r *deltaReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	for i, b := range p[:n] {
		b += r.last[r.at]
		p[i], r.last[r.at] = b, b
		if r.at++; r.at == r.dist {
			r.at = 0
		}
	}
	return n, err
}

// swap turns the bytes of every two or four around.
func swap(width int) convertFunc {
	return func(b []byte, _ uint32) int {
		i := 0
		for ; i+width <= len(b); i += width {
			for a, z := i, i+width-1; a < z; a, z = a+1, z-1 {
				b[a], b[z] = b[z], b[a]
			}
		}
		return i
	}
}
