package main

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// ofItsOwn makes a process that a closed console or a Ctrl-C in it does not end.
func ofItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}
