//go:build !windows

package daemon

import "context"

// Run calls f. Elsewhere than on Windows a service is stopped by a signal, as any program.
func Run(ctx context.Context, _ bool, f func(context.Context) error) error { return f(ctx) }
