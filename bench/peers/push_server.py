"""A server that Pyroscope's client pushes to. It keeps the received profiles."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from collections.abc import Iterator
from typing import Union

SERIES, SAMPLES, RAW_PROFILE = 1, 2, 1
"""Field numbers of push.v1.PushRequest: a request has series, a series has samples, and a sample is one pprof file."""
VARINT, LENGTH = 0, 2
Value = Union[int, bytes]


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Yield the numbers and values of a protobuf message. Raise ValueError if it has a type that these messages do not
    use.
    """
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        value, at = varint(message, at)
        if key & 7 == LENGTH:
            yield key >> 3, message[at : at + value]
            at += value
        elif key & 7 == VARINT:
            yield key >> 3, value
        else:
            raise ValueError(f"a field of type {key & 7}")


def varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def inner(message: bytes, number: int) -> list[bytes]:
    return [value for found, value in fields(message) if found == number and isinstance(value, bytes)]


def profiles(request: bytes) -> list[bytes]:
    """Return the pprof files of a push."""
    samples = [sample for series in inner(request, SERIES) for sample in inner(series, SAMPLES)]
    return [raw for sample in samples for raw in inner(sample, RAW_PROFILE)]


class PushServer(http.server.ThreadingHTTPServer):
    """Serves requests until it is closed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self._changed = threading.Condition()
        self._pushes: list[list[bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, pushed: list[bytes]) -> None:
        with self._changed:
            self._pushes.append(pushed)
            self._changed.notify_all()

    def next_but_one(self, seconds: float) -> list[bytes]:
        """Return the push after the next, which may have been prepared earlier. Raise TimeoutError if none arrives."""
        latest = time.monotonic() + seconds
        with self._changed:
            wanted = len(self._pushes) + 2
            while len(self._pushes) < wanted:
                if not self._changed.wait(latest - time.monotonic()):
                    raise TimeoutError("the client pushes nothing")
            return self._pushes[wanted - 1]

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PushServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.keep(profiles(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
