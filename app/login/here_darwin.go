package login

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func here() (place, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	return agents{filepath.Join(home, "Library", "LaunchAgents"), launchctl, fmt.Sprintf("gui/%d", os.Getuid())}, nil
}

func launchctl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "launchctl", args...).Output()
	if err != nil {
		return "", fmt.Errorf("launchctl %s: %w", args[0], err)
	}
	return string(out), nil
}
