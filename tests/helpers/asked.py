"""Clients of a process that serves `spprof` requests: complete requests and half-finished connections."""

from __future__ import annotations

import socket
from typing import NamedTuple

PATIENCE = 60.0
"""Seconds to wait for the other side before the test fails."""


class Reply(NamedTuple):
    """A parsed HTTP response."""

    status: int
    fields: dict[str, str]
    body: bytes


def connected(address: str) -> socket.socket:
    """Connect to host:port or to the path of a Unix socket."""
    if address.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(PATIENCE)
        made.connect(address)
        return made
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)


def head(path: str, method: str = "GET", *, host: str = "localhost", more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def received(connection: socket.socket) -> bytes:
    """Return everything that is received until the other side closes the connection."""
    parts = []
    while True:
        part = connection.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def reply_of(data: bytes) -> Reply:
    before, _, body = data.partition(b"\r\n\r\n")
    first, *lines = before.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert first.startswith("HTTP/1.1 "), data
    return Reply(int(first.split(" ")[1]), fields, body)


def reply(address: str, path: str, method: str = "GET", *, host: str = "localhost", more: str = "") -> Reply:
    """Send a request and return the response."""
    with connected(address) as connection:
        connection.sendall(head(path, method, host=host, more=more))
        return reply_of(received(connection))
