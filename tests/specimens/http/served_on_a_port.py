"""Serve the paths on a port, which is printed, alongside an allocating thread, until stdin ends.

served_on_a_port.py TOKEN
"""

import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from spprof import memprof
from spprof.http import wsgi

BLOCK = 100_000_000
"""This block is so large that it is certain to be sampled."""


class Quiet(WSGIRequestHandler):
    def log_message(self, *words):
        pass


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def hold():
    return bytes(BLOCK)


def work():
    while True:
        bytes(BLOCK // 10)
        sum(range(10_000))


memprof.start(seed=1)
kept = [hold(), hold()]
threading.Thread(target=work, daemon=True).start()
server = make_server("127.0.0.1", 0, wsgi(token=sys.argv[1]), Threaded, Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
