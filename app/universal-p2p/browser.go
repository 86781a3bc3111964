package main

import (
	"fmt"
	"os/exec"
	"runtime"
)

// openBrowser shows url in the user's browser. It does not wait for the browser, which may stay for hours: a caller that stays
// as well calls wait, so that no zombie is left.
func openBrowser(url string) (wait func() error, err error) {
	var cmd *exec.Cmd
	switch runtime.GOOS {
	case "windows":
		cmd = exec.Command("rundll32", "url.dll,FileProtocolHandler", url) // not `start`: the shell would read the & in it
	case "darwin":
		cmd = exec.Command("open", url)
	default:
		cmd = exec.Command("xdg-open", url)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("no browser to open: %w; open %s yourself", err, url)
	}
	return cmd.Wait, nil
}
