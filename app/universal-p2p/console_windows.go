package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// attachConsole lets what the commands print be seen where somebody typed them. A program that is built for Windows without a console
// (-H=windowsgui), so that none pops up at login, has nothing to print to; the shell that started it may have. What was redirected to a
// file or a pipe stays.
func attachConsole() {
	if isOpen(os.Stdout) && isOpen(os.Stderr) {
		return
	}
	const parentProcess = ^uintptr(0)
	attach := windows.NewLazySystemDLL("kernel32.dll").NewProc("AttachConsole")
	if ok, _, _ := attach.Call(parentProcess); ok == 0 {
		return // nobody typed anything
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return
	}
	if !isOpen(os.Stdout) {
		os.Stdout = out
	}
	if !isOpen(os.Stderr) {
		os.Stderr = out
		windows.SetStdHandle(windows.STD_ERROR_HANDLE, windows.Handle(out.Fd())) // for what the Go runtime says in a crash
	}
}

func isOpen(f *os.File) bool {
	kind, err := windows.GetFileType(windows.Handle(f.Fd()))
	return err == nil && kind != windows.FILE_TYPE_UNKNOWN
}
