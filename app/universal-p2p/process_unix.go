//go:build unix

package main

import "syscall"

// ofItsOwn makes a process that a closed terminal or a Ctrl-C in it does not end.
func ofItsOwn() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
