package tray

import (
	"context"
	"os/exec"
	"time"
)

// languages returns what a shell says, and else what the settings of the system say: programs that are started by a click get no LANG.
func languages(getenv func(string) string) []string {
	if tags := posixLanguages(getenv); len(tags) > 0 {
		return tags
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	list, err := exec.CommandContext(ctx, "defaults", "read", "-g", "AppleLanguages").Output()
	if err != nil {
		return nil
	}
	return appleLanguages(string(list))
}
