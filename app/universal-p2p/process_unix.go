//go:build unix

package main

import (
	"os"
	"syscall"
)

// ofItsOwn makes a process that a closed terminal or a Ctrl-C in it does not end.
func ofItsOwn() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// exit ends this process with a code.
func exit(code int) { os.Exit(code) }
