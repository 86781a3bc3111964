// This empty file lets hooks.go declare functions without a body: they are linked from anacrolix/torrent.
