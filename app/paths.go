package app

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// dirName is the folder of ours in the folders of the system.
const dirName = "universal-p2p"

// DefaultDataDir is where the program keeps what it writes when nobody says otherwise:
//
//	Linux    $XDG_CACHE_HOME/universal-p2p, or ~/.cache/universal-p2p
//	macOS    ~/Library/Caches/universal-p2p
//	Windows  %LocalAppData%\universal-p2p
//
// It is the folder for caches because nearly all of it can be fetched again and should be in nobody's backup. In it are
//
//	lock          held while the program runs
//	control.json  how the command line reaches the running program, readable by the user alone
//	quota         the quota that the first start chose
//	sessions      what the browsers that are logged in are known by, readable by the user alone
//	store/        content
//	ledger/       which site used what, and what the user decided about sites
//	site.key      what the tags and tokens of sites are signed with, readable by the user alone
//	bittorrent/   known nodes and peers
//	clock         what the clock said when it was last looked at
//	log/          the newest log, and a few older ones, when --data-dir names the folder
func DefaultDataDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("data folder: %w; name one with --data-dir", err)
	}
	return filepath.Join(dir, dirName), nil
}

// DefaultLogDir is where the program writes its log when nobody says otherwise:
//
//	Linux    $XDG_STATE_HOME/universal-p2p/log, or ~/.local/state/universal-p2p/log
//	macOS    ~/Library/Logs/universal-p2p
//	Windows  %LocalAppData%\universal-p2p\log
//
// In it are universal-p2p.log and a few older ones, crash.log, which has something in it only after the program has crashed, and
// crash-before.log, which is the one of the last crash.
func DefaultLogDir() (string, error) { return logDir(runtime.GOOS, os.Getenv) }

// logDir is DefaultLogDir for a system and an environment.
func logDir(system string, env func(string) string) (string, error) {
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) && system != "windows" && system != "darwin" {
		return filepath.Join(dir, dirName, "log"), nil
	}
	home, below := "HOME", []string{".local", "state", dirName, "log"}
	switch system {
	case "windows":
		home, below = "LocalAppData", []string{dirName, "log"}
	case "darwin":
		below = []string{"Library", "Logs", dirName}
	}
	dir := env(home)
	if dir == "" {
		return "", fmt.Errorf("log folder: %s is not set in the environment", home)
	}
	return filepath.Join(append([]string{dir}, below...)...), nil
}

// LogDir is the log folder of a data folder that the user has named.
func LogDir(dataDir string) string { return filepath.Join(dataDir, "log") }

// DefaultConfigFile is the config file that is read when nobody names another:
//
//	Linux    $XDG_CONFIG_HOME/universal-p2p/config.toml, or ~/.config/universal-p2p/config.toml
//	macOS    ~/Library/Application Support/universal-p2p/config.toml
//	Windows  %AppData%\universal-p2p\config.toml
//
// The program writes it only to change the one setting that the user changes on its page.
func DefaultConfigFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("config file: %w; name one with --config", err)
	}
	return filepath.Join(dir, dirName, "config.toml"), nil
}

// ConfigFile is the config file of a data folder that the user has named.
func ConfigFile(dataDir string) string { return filepath.Join(dataDir, "config.toml") }

// What lies in a data folder.
func lockFile(dataDir string) string    { return filepath.Join(dataDir, "lock") }
func controlFile(dataDir string) string { return filepath.Join(dataDir, "control.json") }
func quotaFile(dataDir string) string   { return filepath.Join(dataDir, "quota") }
func storeDir(dataDir string) string    { return filepath.Join(dataDir, "store") }
func ledgerDir(dataDir string) string   { return filepath.Join(dataDir, "ledger") }
func sessionFile(dataDir string) string { return filepath.Join(dataDir, "sessions") }
func keyFile(dataDir string) string     { return filepath.Join(dataDir, "site.key") }
func clockFile(dataDir string) string   { return filepath.Join(dataDir, "clock") }
func loginFile(dataDir string) string   { return filepath.Join(dataDir, "login") }
