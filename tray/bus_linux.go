package tray

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// busTimeout is for any answer of the bus or of a program on it.
const busTimeout = 5 * time.Second

var errNoBus = errors.New("no session bus")

// busAddress returns where the session bus is. Unlike the library it never starts one: a bus that nobody else is on shows nothing,
// and stays behind (https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-types-login).
func busAddress() (string, error) {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
		if strings.Contains(a, "autolaunch:") {
			return "", errNoBus
		}
		return a, nil
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid())} {
		path := filepath.Join(dir, "bus")
		if info, err := os.Stat(path); dir != "" && err == nil && info.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dbus.EscapeBusAddressValue(path), nil
		}
	}
	return "", errNoBus
}

// dialBus returns a connection of the caller's own to the session bus, and its address. The connection closes at the latest when ctx ends.
func dialBus(ctx context.Context) (*dbus.Conn, string, error) {
	address, err := busAddress()
	if err != nil {
		return nil, "", err
	}
	conn, err := dbus.Dial(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, "", fmt.Errorf("session bus: %w", err)
	}
	// Neither of the two below takes a context, and a socket may be one where nobody answers.
	late := time.AfterFunc(busTimeout, func() { conn.Close() })
	defer late.Stop()
	err = conn.Auth(nil)
	if err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, "", fmt.Errorf("session bus: %w", err)
	}
	return conn, address, nil
}
