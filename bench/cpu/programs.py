"""The programs to profile. Each run of a program does the same work."""

from __future__ import annotations

import ast
import gc
import json
import random
import sys
import threading
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

THREADS = 16
DEPTH = 400

Work = Callable[[], object]


def call(work: Work) -> None:
    work()


class Program(NamedTuple):
    steps: list[Work]
    """The program's work, as steps of about a millisecond each."""
    everywhere: Callable[[Work], None] = call
    """Makes each of the program's threads call a function."""

    def run(self) -> None:
        self.everywhere(self.run_steps)

    def run_steps(self) -> None:
        for step in self.steps:
            step()


def add_up(count: int) -> int:
    total = 0
    for number in range(count):
        total += number * number % 7
    return total


def loop() -> Program:
    """Return a pure Python loop."""
    return Program([partial(add_up, 20_000)] * 12)


def threads() -> Program:
    """Return a program of sixteen existing threads that continuously compete for the GIL."""
    begin, end = threading.Barrier(THREADS + 1), threading.Barrier(THREADS + 1)
    given: list[Work] = []

    def serve() -> None:
        while True:
            begin.wait()
            given[0]()
            end.wait()

    for _ in range(THREADS):
        threading.Thread(target=serve, daemon=True).start()

    def everywhere(work: Work) -> None:
        given[:] = [work]
        begin.wait()
        end.wait()

    return Program([partial(add_up, 10_000)] * 2, everywhere)


def compiled_code() -> Program:
    """Return a program of mostly C code: zlib, and numpy if it is installed."""
    page = random.Random(1).choices("the quick brown fox jumps".split(), k=4_000)
    data = " ".join(page).encode()
    compress = partial(zlib.compress, data, 6)
    try:
        import numpy
    except ImportError:
        return Program([compress] * 24)
    table = numpy.arange(60_000, dtype="f8")

    def add_roots() -> float:
        return float((numpy.sqrt(table) + table).sum())

    return Program([compress, compress, compress, add_roots] * 8)


def recursion() -> Program:
    """Return a program with stacks of four hundred frames."""
    sys.setrecursionlimit(DEPTH + 1000)

    def descend(depth: int) -> int:
        return 1 + descend(depth - 1) if depth else add_up(6_000)

    return Program([partial(descend, DEPTH)] * 40)


def parsing() -> Program:
    """Return a program that reads methods of the standard library, walks them and writes them as source and as JSON."""
    import argparse

    source = ast.parse(Path(argparse.__file__).read_text(encoding="utf-8"))
    methods = [ast.unparse(node) for node in ast.walk(source) if isinstance(node, ast.FunctionDef)]
    methods = [method for method in methods if 500 < len(method) < 1500]
    gc.freeze()
    gc.disable()  # otherwise some steps would include a collection

    def parse(method: str) -> int:
        tree = ast.parse(method)
        names = [type(node).__name__ for node in ast.walk(tree)]
        return len(ast.unparse(tree)) + len(json.loads(json.dumps(names, indent=1)))

    def collect_after(work: Work) -> None:
        work()
        gc.collect()

    return Program([partial(parse, method) for method in methods], collect_after)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "loop": loop,
    "threads": threads,
    "compiled code": compiled_code,
    "recursion": recursion,
    "parsing": parsing,
}
