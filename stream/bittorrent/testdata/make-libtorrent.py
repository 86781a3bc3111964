#!/usr/bin/env python3
"""Makes the libtorrent-*.torrent files of this folder, with libtorrent 2.0.8: pip install libtorrent, or python3-libtorrent.

The bytes of a file follow from its path (see content), so that the tests can make them again.
"""
import hashlib
import os
import tempfile

import libtorrent as lt

PIECE = 32 << 10
FILES = {
    "big.bin": 100_000,  # three pieces and a bit
    "dir/two.bin": 2 * PIECE,
    "empty": 0,
    "exact.bin": PIECE,
    "mid.bin": 20_000,  # one piece of two blocks
    "small.txt": 5,
}


def content(path, size):
    out = b""
    k = 0
    while len(out) < size:
        out += hashlib.sha256(f"{path}/{k}".encode()).digest()
        k += 1
    return out[:size]


def make(out, top, files, flags, link=None):
    storage = lt.file_storage()
    with tempfile.TemporaryDirectory() as tmp:
        for path, size in files.items():
            path = os.path.join(top, path).rstrip("/")
            full = os.path.join(tmp, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(content(os.path.relpath(path, top) if path != top else top, size))
            storage.add_file(path, size)
        if link:
            storage.add_file(os.path.join(top, "link"), 0, lt.file_flags_t.flag_symlink, 0, os.path.join(top, link))
        torrent = lt.create_torrent(storage, PIECE, flags)
        lt.set_piece_hashes(torrent, tmp)
    entry = torrent.generate()
    entry.pop(b"creation date", None)
    with open(out, "wb") as f:
        f.write(lt.bencode(entry))


F = lt.create_torrent
make("libtorrent-v1.torrent", "files", FILES, F.v1_only)
make("libtorrent-v1-symlink.torrent", "files", FILES, F.v1_only | F.symlinks, link="small.txt")
make("libtorrent-v1-single.torrent", "single.bin", {"": 100_000}, F.v1_only)
make("libtorrent-v2.torrent", "files", FILES, F.v2_only)
make("libtorrent-v2-single.torrent", "single.bin", {"": 100_000}, F.v2_only)
make("libtorrent-hybrid.torrent", "files", FILES, 0)
make("libtorrent-hybrid-symlink.torrent", "files", FILES, F.symlinks, link="small.txt")
make("libtorrent-hybrid-single.torrent", "single.bin", {"": 100_000}, 0)
make("libtorrent-hybrid-tail.torrent", "files", FILES, F.canonical_files_no_tail_padding)
