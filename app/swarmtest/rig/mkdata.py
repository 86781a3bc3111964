#!/usr/bin/env python3
"""mkdata.py OUTDIR SIZE_MIB [PIECE_KIB [zip]]: a file of pseudo-random bytes, the same on every machine, and its torrent.

Writes video.mp4, video.torrent (its tracker is the rig's) and video.meta: infohash, size, SHA-256, piece length in bytes, file.
With zip the file is album.zip of 200 stored members: half of the bytes are film.mp4 in the middle, 50 are pictures of 300 KiB in a
row (p/00.jpg to p/49.jpg), and the others share the rest. members.json has their SHA-256.
"""
import hashlib
import json
import os
import random
import sys
import zipfile

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


def blocks(mib):
    rnd = random.Random(20161101)
    for _ in range(mib):
        yield rnd.randbytes(MIB)


def write_video(path, mib):
    with open(path, 'wb') as f:
        for b in blocks(mib):
            f.write(b)


def write_album(path, mib):
    pictures = [('p/%02d.jpg' % i, 300 << 10) for i in range(50)]
    other = (mib * MIB // 2 - 50 * (300 << 10)) // 149
    files = [('other/%03d.bin' % i, other) for i in range(149)]
    files[75:75] = [('film.mp4', mib * MIB // 2)] + pictures
    rnd, sums = random.Random(20161101), {}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as z:
        for name, size in files:
            sha = hashlib.sha256()
            with z.open(zipfile.ZipInfo(name, (2016, 11, 1, 0, 0, 0)), 'w', force_zip64=False) as f:
                while size > 0:
                    b = rnd.randbytes(min(size, MIB))
                    sha.update(b)
                    f.write(b)
                    size -= len(b)
            sums[name] = sha.hexdigest()
    with open(os.path.join(os.path.dirname(path), 'members.json'), 'w') as f:
        json.dump(sums, f)


def main():
    out, mib = sys.argv[1], int(sys.argv[2])
    piece = int(sys.argv[3] if len(sys.argv) > 3 else 1024) << 10
    name, write = ('album.zip', write_album) if sys.argv[4:] == ['zip'] else ('video.mp4', write_video)
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, name)
    write(path, mib)
    sha, hashes = hashlib.sha256(), []
    with open(path, 'rb') as f:
        while b := f.read(piece):
            sha.update(b)
            hashes.append(hashlib.sha1(b).digest())
    size = os.path.getsize(path)
    info = {'length': size, 'name': name, 'piece length': piece, 'pieces': b''.join(hashes)}
    with open(os.path.join(out, 'video.torrent'), 'wb') as f:
        f.write(bencode({'announce': 'http://127.0.0.1:6969/announce', 'info': info}))
    with open(os.path.join(out, 'video.meta'), 'w') as f:
        f.write('%s %d %s %d %s\n' % (hashlib.sha1(bencode(info)).hexdigest(), size, sha.hexdigest(), piece, name))


main()
