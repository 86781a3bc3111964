//go:build !unix && !windows

package login

func here() (place, error) { return nil, ErrUnsupported }
