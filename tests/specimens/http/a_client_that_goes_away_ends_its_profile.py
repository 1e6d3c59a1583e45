"""A client requests an hour of CPU profiling from spprof.listen() and disconnects; the next may start at once."""

import os
import socket
import tempfile
import time

import spprof
from asking import read_bytes
from of_cpu import busy
from spprof import _engine


def asked(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(address)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def answered(client):
    with client, client.makefile("rb") as file:
        head, _, body = file.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


with tempfile.TemporaryDirectory() as folder:
    address = os.path.join(folder, "x.sock")
    spprof.listen(address)
    for _ in range(5):
        client = asked("/debug/pprof/profile?seconds=3600&interval_ms=1")
        while not _engine.cpu_is_active():
            time.sleep(0.001)
        assert answered(asked("/profile"))[0] == 429
        client.close()
        while _engine.cpu_is_active():
            time.sleep(0.001)
    client = asked("/debug/pprof/profile?seconds=0.2&interval_ms=1")
    while not _engine.cpu_is_active():
        time.sleep(0.001)
    busy()
    status, body = answered(client)
    assert status == 200 and read_bytes(body).sample_types[1].type == "cpu"
