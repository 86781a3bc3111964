package daemon

import (
	"context"
	"fmt"

	"golang.org/x/sys/windows/svc"
)

// Run calls f, with a context that ends when the system stops the service. managed says that the service manager has started the
// process, with [ManagedFlag]: to guess it from the parent process fails under Wine.
func Run(ctx context.Context, managed bool, f func(context.Context) error) error {
	if !managed {
		return f(ctx)
	}
	h := &handler{ctx: ctx, f: f}
	if err := svc.Run(Name, h); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return h.err
}

// A handler is the service as Windows sees it. kardianos/service has one too, but it cannot end by itself: `universal-p2p quit`
// would look like a crash, and the program would be started again.
type handler struct {
	ctx context.Context
	f   func(context.Context) error
	err error
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (specific bool, code uint32) {
	changes <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- h.f(ctx) }()
	changes <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				changes <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				changes <- svc.Status{State: svc.StopPending, WaitHint: 20_000} // milliseconds
				stop()
			}
		case h.err = <-ended:
			if h.err != nil {
				return true, 1
			}
			return false, 0
		}
	}
}
