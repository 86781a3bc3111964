//go:build !windows

package app

import "context"

// watchProcess returns what waits until the process pid has ended. Only Windows minds.
func watchProcess(int) (ended func(context.Context) error, release func()) {
	return func(context.Context) error { return nil }, func() {}
}
