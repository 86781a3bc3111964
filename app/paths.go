package app

import (
	"fmt"
	"os"
	"path/filepath"
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
//	log/          the newest log, and a few older ones
func DefaultDataDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("data folder: %w; name one with --data-dir", err)
	}
	return filepath.Join(dir, dirName), nil
}

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

// What lies in a data folder.
func lockFile(dataDir string) string    { return filepath.Join(dataDir, "lock") }
func controlFile(dataDir string) string { return filepath.Join(dataDir, "control.json") }
func quotaFile(dataDir string) string   { return filepath.Join(dataDir, "quota") }
func storeDir(dataDir string) string    { return filepath.Join(dataDir, "store") }
func ledgerDir(dataDir string) string   { return filepath.Join(dataDir, "ledger") }
func sessionFile(dataDir string) string { return filepath.Join(dataDir, "sessions") }
func keyFile(dataDir string) string     { return filepath.Join(dataDir, "site.key") }
func logFile(dataDir string) string     { return filepath.Join(dataDir, "log", "universal-p2p.log") }
