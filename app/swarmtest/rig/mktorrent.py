#!/usr/bin/python3
"""mktorrent.py v1|v2|hybrid PATH PIECE_KIB OUT.torrent: libtorrent makes a torrent of a file or folder and prints {"v1": hex or "", "v2": hex or ""}."""
import json
import os
import sys

import libtorrent as lt

kind, path, piece, out = sys.argv[1], sys.argv[2], int(sys.argv[3]) << 10, sys.argv[4]
fs = lt.file_storage()
lt.add_files(fs, path)
flags = {'v1': lt.create_torrent.v1_only, 'v2': lt.create_torrent.v2_only, 'hybrid': 0}[kind]
t = lt.create_torrent(fs, piece, flags)
lt.set_piece_hashes(t, os.path.dirname(os.path.abspath(path)))
with open(out, 'wb') as f:
    f.write(lt.bencode(t.generate()))
h = lt.torrent_info(out).info_hashes()
print(json.dumps({'v1': str(h.v1) if h.has_v1() else '', 'v2': str(h.v2) if h.has_v2() else ''}))
