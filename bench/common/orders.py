"""A process that takes orders, one per line, and answers each with a line of JSON.

this process ──'slice 40'──► orders ──► the program: serve.py
             ◄────────────── answers ── [12345, 12500]
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

FOLDER = "BENCH_ORDERS"
"""The variable that tells the program where its two pipes are."""


class Ordered:
    """One process, from start to end. Raises CalledProcessError with its output if it ends or does not answer."""

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], patience_seconds: float, within: str | None = None
    ) -> None:
        """Start the process. Replace ``{folder}`` in the command and the variables with the process's own folder, which
        is created ``within`` the given one.
        """
        self._folder = tempfile.TemporaryDirectory(dir=within)
        self._patience_seconds = patience_seconds
        self.folder = Path(self._folder.name)
        for name in ("orders", "answers"):
            os.mkfifo(self.folder / name)
        self._orders = os.open(self.folder / "orders", os.O_RDWR)  # write-only access would wait for a reader
        self._answers = os.open(self.folder / "answers", os.O_RDONLY | os.O_NONBLOCK)
        self._text = b""
        self._said = (self.folder / "said").open("wb+")
        own = {name: value.replace("{folder}", str(self.folder)) for name, value in variables.items()}
        self.process = subprocess.Popen(
            [word.replace("{folder}", str(self.folder)) for word in command],
            env={**own, FOLDER: str(self.folder)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )

    def tell(self, order: str) -> Any:
        """Send an order and return the answer."""
        os.write(self._orders, f"{order}\n".encode())
        return self.answer()

    def answer(self) -> Any:
        """Return the next answer. The first one needs no order, because the program sends it when it is ready."""
        latest = time.monotonic() + self._patience_seconds
        while b"\n" not in self._text:
            if select.select([self._answers], [], [], 0.5)[0]:
                self._text += os.read(self._answers, 4096)
            if b"\n" not in self._text and (self.process.poll() is not None or time.monotonic() > latest):
                raise self._failure()
        line, _, self._text = self._text.partition(b"\n")
        return json.loads(line)

    def _failure(self) -> subprocess.CalledProcessError:
        self._said.seek(0)
        return subprocess.CalledProcessError(self.process.poll() or 1, self.process.args, stderr=self._said.read())

    def dismiss(self) -> None:
        """Close the pipe for orders without waiting. The program then ends, and its profiler writes its results."""
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1

    def close(self) -> None:
        self.dismiss()
        try:
            self.process.wait(self._patience_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._answers)
        self._said.close()
        self._folder.cleanup()

    def __enter__(self) -> Ordered:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def reason(error: Exception) -> str:
    """Return the reason why something cannot run. For a program, include its last output."""
    if not isinstance(error, subprocess.CalledProcessError):
        return str(error) or repr(error)
    said = error.stderr or error.stdout or b""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    lines = text.strip().splitlines()
    return lines[-1] if lines else f"status {error.returncode}"
