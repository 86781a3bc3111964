package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/zeronetscript/universal_p2p/stream/web"
)

// whoTime is how long a program on our port gets to say who it is.
const whoTime = 2 * time.Second

// WhoAnswers asks what listens on a port of this computer whether it is this program, of whatever data folder. It returns the
// version, and the address of its page, which a browser that is not logged in can see too. ok is false when it is anything else, or
// says nothing.
func WhoAnswers(ctx context.Context, port uint16) (version, page string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, whoTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/api/v0/instance", port), nil)
	if err != nil {
		return "", "", false
	}
	resp, err := localClient().Do(req)
	if err != nil {
		return "", "", false
	}
	defer resp.Body.Close()
	var is web.Instance
	err = json.NewDecoder(io.LimitReader(resp.Body, 4<<10)).Decode(&is)
	if err != nil || resp.StatusCode != http.StatusOK || is.Program != web.Program {
		return "", "", false
	}
	return printable(is.Version), fmt.Sprintf("http://localhost:%d/", port), true
}
