#!/usr/bin/python3
"""baseline.py PORT TORRENT|INFOHASH DIR PEER...: the smallest HTTP server over libtorrent, to compare with.

A window of 16 pieces with deadlines, one answer at a time a connection. What is here is what the library gives for nothing.
"""
import http.server
import re
import sys
import threading
import time

import libtorrent as lt

WINDOW = 16  # pieces asked for ahead


class Download:
    """One torrent, and the pieces that have arrived for whoever waits."""

    def __init__(self, what, folder, peers):
        self.ses = lt.session({
            'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
            'listen_interfaces': '127.0.0.1:50200', 'enable_outgoing_utp': False, 'allow_multiple_connections_per_ip': True,
            'alert_mask': lt.alert.category_t.storage_notification,
        })
        p = lt.add_torrent_params()
        p.save_path = folder
        if what.endswith('.torrent'):
            p.ti = lt.torrent_info(what)
        else:
            p.info_hashes = lt.info_hash_t(lt.sha1_hash(bytes.fromhex(what)))
        self.torrent = self.ses.add_torrent(p)
        for peer in peers:
            host, port = peer.split(':')
            self.torrent.connect_peer((host, int(port)), 0)
        self.got, self.arrived = {}, threading.Condition()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            self.ses.wait_for_alert(1000)
            for a in self.ses.pop_alerts():
                if isinstance(a, lt.read_piece_alert):
                    with self.arrived:
                        self.got[a.piece] = bytes(a.buffer)
                        self.arrived.notify_all()

    def ask(self, piece, wait_ms):
        self.torrent.set_piece_deadline(piece, wait_ms, lt.deadline_flags_t.alert_when_available)

    def take(self, piece):
        with self.arrived:
            while piece not in self.got:
                self.arrived.wait(1)
            return self.got.pop(piece)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        d = self.server.download
        while not d.torrent.status().has_metadata:
            time.sleep(0.005)
        info = d.torrent.torrent_file()
        size, length = info.total_size(), info.piece_length()
        m = re.match(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        first, last = (int(m[1]), int(m[2]) if m[2] else size - 1) if m else (0, size - 1)
        self.send_response(206 if m else 200)
        self.send_header('Content-Length', str(last - first + 1))
        self.send_header('Accept-Ranges', 'bytes')
        if m:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, last, size))
        self.end_headers()
        try:
            self.send(d, length, first, last)
        except ConnectionError:
            self.close_connection = True

    def send(self, d, length, pos, last):
        ask = pos // length
        while pos <= last:
            i = pos // length
            while ask <= min(i + WINDOW, last // length):
                d.ask(ask, 100 * (ask - i))
                ask += 1
            data = d.take(i)
            off = pos - i * length
            end = min(len(data), last + 1 - i * length)
            self.wfile.write(data[off:end])
            pos += end - off

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
server.download = Download(sys.argv[2], sys.argv[3], sys.argv[4:])
server.serve_forever()
