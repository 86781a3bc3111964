"""The HTTP client of the rig: one plain socket for each request, so that the clock stops at the first body byte and nothing is hidden."""
import socket
import time
import urllib.parse

# What Chromium sends for <video> in a page of another site.
VIDEO = {'Sec-Fetch-Dest': 'video', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Site': 'cross-site'}


class Answer:
    """An HTTP answer whose first body bytes have arrived."""

    def __init__(self, sock, file, status, headers, first):
        self.sock, self.file, self.status, self.headers, self.first = sock, file, status, headers, first

    def chunks(self, size=1 << 18):
        b = self.first
        while b:
            yield b
            b = self.file.read1(size)

    def drain(self):
        return sum(map(len, self.chunks()))

    def close(self):
        self.file.close()
        self.sock.close()


def connect(host, port, deadline):
    while True:
        try:
            return socket.create_connection((host, port), 2)
        except OSError:
            if time.time() > deadline:
                raise TimeoutError('%s:%d' % (host, port))
            time.sleep(0.003)


def get(url, deadline, span=None, video=False):
    """One GET. span is (first, last) byte, last None for an open end."""
    u = urllib.parse.urlsplit(url)
    sock = connect(u.hostname, u.port, deadline)
    sock.settimeout(max(1, deadline - time.time()))
    head = {'Host': '%s:%d' % (u.hostname, u.port), 'Connection': 'close'}
    if video:
        head.update(VIDEO)
        span = span or (0, None)  # a media element always sends a Range
    if span:
        head['Range'] = 'bytes=%d-%s' % (span[0], '' if span[1] is None else span[1])
    lines = ['GET %s HTTP/1.1' % (u.path + ('?' + u.query if u.query else ''))] + ['%s: %s' % kv for kv in head.items()]
    sock.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
    file = sock.makefile('rb', buffering=1 << 16)
    status = file.readline().split(None, 2)
    status = int(status[1]) if len(status) > 1 else 0
    headers = {}
    while (line := file.readline()) not in (b'\r\n', b''):
        k, v = line.decode('latin1').split(':', 1)
        headers[k.strip().lower()] = v.strip()
    if status in (301, 302, 307, 308):
        file.close()
        sock.close()
        return get(urllib.parse.urljoin(url, headers['location']), deadline, span, video)
    first = file.read1(1 << 16) if status in (200, 206) else b''
    return Answer(sock, file, status, headers, first)


def get_until(url, deadline, span=None, video=False):
    """get, again and again until bytes come: a system may answer before it knows the torrent."""
    while True:
        a = get(url, deadline, span, video)
        if a.first:
            return a
        a.close()
        if time.time() > deadline:
            raise TimeoutError('no byte, status %d' % a.status)
        time.sleep(0.02)


def play(url, deadline, seconds, rate, at=()):
    """Plays from 0 as a media element does, at no more than rate bytes/s, and drops the connection after so many seconds.

    at is a list of (seconds, function), called when their time has come. Returns the bytes played.
    """
    pos, start, at, a = 0, time.time(), list(at), None
    while time.time() - start < seconds:
        a = get_until(url, deadline, (pos, None), True)
        for b in a.chunks(1 << 15):
            pos += len(b)
            while pos > rate * (time.time() - start) and time.time() - start < seconds:
                time.sleep(0.02)
            while at and time.time() - start >= at[0][0]:
                at.pop(0)[1]()
            if time.time() - start >= seconds:
                break
        a.close()
    return pos
