"""The programs that are profiled: each call of one does the same work."""

from __future__ import annotations

import ast
import gc
import json
import random
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

THREADS = 16
DEPTH = 400

Work = Callable[[], object]


def add_up(count: int) -> int:
    total = 0
    for number in range(count):
        total += number * number % 7
    return total


def loop() -> Work:
    """Nothing but the interpreter."""
    return lambda: add_up(250_000)


def threads() -> Work:
    """Sixteen threads that were there before, and want the interpreter's lock all the time."""
    begin, end = threading.Barrier(THREADS + 1), threading.Barrier(THREADS + 1)

    def serve() -> None:
        while True:
            begin.wait()
            add_up(20_000)
            end.wait()

    for _ in range(THREADS):
        threading.Thread(target=serve, daemon=True).start()

    def work() -> None:
        begin.wait()
        end.wait()

    return work


def compiled_code() -> Work:
    """Most of the time in C: zlib, and numpy where it is there."""
    page = random.Random(1).choices("the quick brown fox jumps".split(), k=12_000)
    data = " ".join(page).encode()
    try:
        import numpy
    except ImportError:
        return lambda: [zlib.compress(data, 6) for _ in range(8)]
    table = numpy.arange(250_000, dtype="f8")

    def work() -> None:
        for _ in range(10):
            zlib.compress(data, 6)
            (numpy.sqrt(table) + table).sum()

    return work


def recursion() -> Work:
    """Each stack is four hundred frames deep."""
    sys.setrecursionlimit(DEPTH + 1000)

    def descend(depth: int) -> int:
        return 1 + descend(depth - 1) if depth else add_up(6_000)

    return lambda: [descend(DEPTH) for _ in range(40)]


def parsing() -> Work:
    """A module of the standard library read, walked and written out again, as source and as JSON."""
    source = Path(argument_parser()).read_text(encoding="utf-8")[:40_000].rpartition("\n\n    def ")[0]
    gc.freeze()
    gc.disable()  # it would collect in some calls and not in others

    def work() -> int:
        tree = ast.parse(source)
        names = [type(node).__name__ for node in ast.walk(tree)]
        size = len(ast.unparse(tree)) + len(json.loads(json.dumps(names, indent=1)))
        gc.collect()
        return size

    return work


def argument_parser() -> str:
    import argparse

    return argparse.__file__


PROGRAMS: dict[str, Callable[[], Work]] = {
    "loop": loop,
    "threads": threads,
    "compiled code": compiled_code,
    "recursion": recursion,
    "parsing": parsing,
}
