#!/usr/bin/env python3
"""tracker.py HOST:PORT...: an HTTP tracker on 127.0.0.1:6969 that answers every announce with these peers (BEP 3, BEP 23)."""
import http.server
import socket
import struct
import sys

addrs = [a.rsplit(':', 1) for a in sys.argv[1:]]
peers = b''.join(socket.inet_aton(host) + struct.pack('>H', int(port)) for host, port in addrs)
BODY = b'd8:completei%de10:incompletei0e8:intervali1800e12:min intervali60e5:peers%d:%se' % (len(addrs), len(peers), peers)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', str(len(BODY)))
        self.send_header('Content-Type', 'text/plain')
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(('127.0.0.1', 6969), Handler).serve_forever()
