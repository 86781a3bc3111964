"""What can be measured: one class a system.

A system gets a context with .by ('torrent' or 'hash'), .hash, .file (its name in the torrent), .torrent (path), .dir (its empty folder), .peers (['ip:port']), .tracker, .port
and .dht. argv() starts it; add() hands it the torrent, when the command line did not; url() is where the bytes are.
"""
import os
import subprocess
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))


def quoted(s):
    return urllib.parse.quote(s, safe='')


class UP2P:
    """Our own program, built by whoever runs the rig: UP2P_BIN=path."""
    config = 'allow_local_peers = true\n'
    at_start = False  # add() is needed

    def argv(self, c):
        text = self.config + '[bittorrent]\ndht = %s\ntrackers = []\n' % ('true' if c.dht else 'false')
        with open(c.dir + '/config.toml', 'w') as f:
            f.write(text)
        return [os.environ['UP2P_BIN'], 'run', '--headless'] + self.where(c)

    def where(self, c):
        return ['--addr', '127.0.0.1:%d' % c.port, '--data-dir', c.dir + '/data', '--config', c.dir + '/config.toml']

    def add(self, c):
        if c.by != 'torrent':
            return
        argv = [os.environ['UP2P_BIN'], 'add'] + self.where(c) + [c.torrent]
        end = time.time() + 5
        while True:  # the port is open a moment before the program can be told anything
            p = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if p.returncode == 0:
                return
            if time.time() > end:
                raise RuntimeError(p.stderr.strip())

    def url(self, c):
        return 'http://127.0.0.1:%d/bittorrent/v0/stream/%s/%s?tr=%s' % (c.port, c.hash, c.file, quoted(c.tracker))


class UP2PAlways(UP2P):
    """The same, with nothing sent before it is verified."""
    config = UP2P.config + 'verify = "always"\n'


class Libtorrent:
    """baseline.py; the peers are named on its command line."""
    at_start = True

    def argv(self, c):
        what = c.torrent if c.by == 'torrent' else c.hash
        return ['/usr/bin/python3', HERE + '/baseline.py', str(c.port), what, c.dir] + c.peers

    def url(self, c):
        return 'http://127.0.0.1:%d/' % c.port


class Peerflix:
    """npm install peerflix under PEERFLIX=folder."""
    at_start = True

    def argv(self, c):
        what = c.torrent if c.by == 'torrent' else 'magnet:?xt=urn:btih:%s&tr=%s' % (c.hash, quoted(c.tracker))
        app = os.environ['PEERFLIX'] + '/node_modules/peerflix/app.js'
        return ['node', app, what, '-p', str(c.port), '-q', '-n', '-f', c.dir, '-e', c.peers[0]]

    def url(self, c):
        return 'http://127.0.0.1:%d/' % c.port


ALL = {'up2p': UP2P(), 'up2p-always': UP2PAlways(), 'libtorrent': Libtorrent(), 'peerflix': Peerflix()}
