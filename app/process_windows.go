package app

import (
	"context"
	"time"

	"golang.org/x/sys/windows"
)

// watchProcess returns what waits until the process pid has ended. Windows lets nobody replace or remove the file of a program that
// runs, which is what somebody who has told it to quit may want next. The caller calls release in the end.
func watchProcess(pid int) (ended func(context.Context) error, release func()) {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil { // it has ended, or is not ours
		return func(context.Context) error { return nil }, func() {}
	}
	ended = func(ctx context.Context) error {
		for {
			if s, err := windows.WaitForSingleObject(process, 0); err != nil || s != uint32(windows.WAIT_TIMEOUT) {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return ended, func() { windows.CloseHandle(process) }
}
