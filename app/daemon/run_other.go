//go:build !windows

package daemon

import "context"

// Run calls f, with a context that ends when the system stops the service. Elsewhere than on Windows that is done by a signal.
func Run(ctx context.Context, f func(context.Context) error) error { return f(ctx) }
