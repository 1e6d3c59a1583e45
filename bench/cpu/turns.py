"""Programs that wait for their turn: where two take turns, slice by slice on one core, each slice has its equal beside
it, however fast the machine is at that moment.

    this process ──'.'──► orders ──► program, under a profiler or not: one slice
                 ◄─────── answers ── [wall, CPU, waited] as a line of JSON
"""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from profilers import NONE, Profiler

ANSWER_SECONDS = 120


class Taker:
    """One program under one profiler, from its start to its end. OSError, CalledProcessError: it cannot run."""

    def __init__(self, profiler: Profiler, interval_ms: int, program: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        for name in ("orders", "answers"):
            os.mkfifo(folder / name)
        self._orders = os.open(folder / "orders", os.O_RDWR)  # a writer alone would wait for its reader
        self._answers = os.open(folder / "answers", os.O_RDONLY | os.O_NONBLOCK)
        self._text = b""
        self._said = (folder / "said").open("wb+")
        self._process = profiler.start(interval_ms, program, folder, self._said)

    def slice(self) -> list[int]:
        """Nanoseconds on the wall's clock, of CPU time in all processes, and of waiting for a core."""
        os.write(self._orders, b".")
        while b"\n" not in self._text:
            if select.select([self._answers], [], [], 1)[0]:
                self._text += os.read(self._answers, 4096)
            if self._process.poll() is not None:
                raise self._failure()
        line, _, self._text = self._text.partition(b"\n")
        measured: list[int] = json.loads(line)
        return measured

    def _failure(self) -> subprocess.CalledProcessError:
        self._said.seek(0)
        return subprocess.CalledProcessError(self._process.returncode, self._process.args, stderr=self._said.read())

    def __enter__(self) -> Taker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """It finds no more orders and ends; its profiler writes what it writes."""
        os.close(self._orders)
        try:
            self._process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers)
        self._said.close()
        self._folder.cleanup()


def pairs_of(profiler: Profiler, interval_ms: int, program: str, count: int) -> list[tuple[list[int], list[int]]]:
    """Slices with it, each with the one without beside it; which of the two comes first is left to chance."""
    found = []
    with Taker(profiler, interval_ms, program) as watched, Taker(NONE, 0, program) as alone:
        for taker in (watched, alone) * 2:
            taker.slice()
        for _ in range(count):
            order = [watched, alone] if random.random() < 0.5 else [alone, watched]
            taken = {taker: taker.slice() for taker in order}
            found.append((taken[watched], taken[alone]))
    return found
