package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// OpenLog opens the log in the data folder for messages of level and above, and writes them to stderr too. The file is turned
// over at 5 MiB; three old ones stay.
//
// The log belongs to the process, not to a Run: close it last. (lumberjack starts one goroutine that lives as long as the
// process; natefinch/lumberjack#56.)
func OpenLog(dataDir string, level slog.Level, stderr io.Writer) (*slog.Logger, io.Closer, error) {
	name := logFile(dataDir)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, nil, fmt.Errorf("log folder: %w", err)
	}
	file := &lumberjack.Logger{Filename: name, MaxSize: 5, MaxBackups: 3} // MiB, files
	h := slog.NewTextHandler(tee{stderr, file}, &slog.HandlerOptions{Level: level})
	return slog.New(h), file, nil
}

// A tee writes to all of its writers, whatever becomes of one: a full disk does not silence stderr, nor a closed terminal the
// file.
type tee []io.Writer

func (t tee) Write(p []byte) (int, error) {
	var errs []error
	for _, w := range t {
		if _, err := w.Write(p); err != nil {
			errs = append(errs, err)
		}
	}
	return len(p), errors.Join(errs...)
}
