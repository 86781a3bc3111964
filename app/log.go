package app

import (
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
	h := slog.NewTextHandler(io.MultiWriter(file, stderr), &slog.HandlerOptions{Level: level})
	return slog.New(h), file, nil
}
