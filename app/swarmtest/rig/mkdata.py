#!/usr/bin/env python3
"""mkdata.py OUTDIR SIZE_MIB [PIECE_KIB]: a file of pseudo-random bytes, the same on every machine, and its torrent.

Writes video.mp4, video.torrent (its tracker is the rig's) and video.meta: infohash, size, SHA-256, piece length in bytes.
"""
import hashlib
import os
import random
import sys

MIB = 1 << 20


def bencode(x):
    if isinstance(x, int):
        return b'i%de' % x
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        return b'%d:%s' % (len(x), x)
    if isinstance(x, list):
        return b'l' + b''.join(map(bencode, x)) + b'e'
    return b'd' + b''.join(bencode(k) + bencode(x[k]) for k in sorted(x)) + b'e'


def main():
    out, mib = sys.argv[1], int(sys.argv[2])
    piece = int(sys.argv[3] if len(sys.argv) > 3 else 1024) << 10
    os.makedirs(out, exist_ok=True)
    rnd, sha, hashes, left = random.Random(20161101), hashlib.sha256(), [], b''
    with open(os.path.join(out, 'video.mp4'), 'wb') as f:
        for _ in range(mib):
            b = rnd.randbytes(MIB)
            f.write(b)
            sha.update(b)
            left += b
            while len(left) >= piece:
                hashes.append(hashlib.sha1(left[:piece]).digest())
                left = left[piece:]
    if left:
        hashes.append(hashlib.sha1(left).digest())
    info = {'length': mib * MIB, 'name': 'video.mp4', 'piece length': piece, 'pieces': b''.join(hashes)}
    with open(os.path.join(out, 'video.torrent'), 'wb') as f:
        f.write(bencode({'announce': 'http://127.0.0.1:6969/announce', 'info': info}))
    with open(os.path.join(out, 'video.meta'), 'w') as f:
        f.write('%s %d %s %d\n' % (hashlib.sha1(bencode(info)).hexdigest(), mib * MIB, sha.hexdigest(), piece))


main()
