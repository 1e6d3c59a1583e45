"""Listen and hold memory until standard input ends. argv: "stuck" or the profilers to start."""

from __future__ import annotations

import ctypes
import os
import sys

import spprof
from spprof import memprof


def hold() -> list[bytes]:
    held = []
    for _ in range(200):
        held.append(bytes(50_000))
    return held


def get_stuck() -> None:
    ctypes.PyDLL(None).read(os.pipe()[0], ctypes.create_string_buffer(1), 1)  # with the GIL held


if "heap" in sys.argv:
    memprof.start(sampling_rate_kb=16)
if "cpu" in sys.argv:
    spprof.start()
kept = hold()
spprof.listen()
print("listening", flush=True)
if "stuck" in sys.argv:
    get_stuck()
sys.stdin.read()
