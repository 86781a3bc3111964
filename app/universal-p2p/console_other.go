//go:build !windows

package main

// attachConsole is for Windows, where a program may be built without a console.
func attachConsole() {}
