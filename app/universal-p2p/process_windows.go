package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// ofItsOwn makes a process that a closed console or a Ctrl-C in it does not end.
func ofItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

// exit ends this process with a code, as os.Exit does, but without a word to its windows. Wine tells those of the tray that they are
// destroyed when a process leaves in the usual way; they answer with Go code, which cannot run any more, and the process crashes at its
// end and stays.
func exit(code int) {
	windows.TerminateProcess(windows.CurrentProcess(), uint32(code))
	os.Exit(code) // had that failed
}
