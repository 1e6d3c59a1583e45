"""Grow to several sizes (MiB), each time until a trigger has written its file, and then wait to be killed."""

import os
import sys
import time

from spprof.process import numbers

folder, marks = sys.argv[1], sys.argv[2:]
held = []


def grow():
    held.append(b"x" * (1 << 20))


def files():
    return {(one.name, one.stat().st_ino) for one in os.scandir(folder) if one.name.endswith(".pb.gz")}


for mark in marks:
    before = files()
    while numbers.resident() < int(mark) << 20:
        grow()
    while files() <= before:
        time.sleep(0.01)
while True:
    grow()
