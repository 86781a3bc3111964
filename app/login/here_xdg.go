//go:build unix && !darwin

package login

import (
	"os"
	"path/filepath"
)

// here finds the folders by the XDG Base Directory Specification 0.8.
func here() (place, error) {
	home, err := os.UserConfigDir()
	if err != nil {
		return nil, err
	}
	var shared []string
	for _, dir := range filepath.SplitList(os.Getenv("XDG_CONFIG_DIRS")) {
		if filepath.IsAbs(dir) { // others are to be ignored
			shared = append(shared, dir)
		}
	}
	if shared == nil {
		shared = []string{"/etc/xdg"}
	}
	return xdg{home, shared}, nil
}
