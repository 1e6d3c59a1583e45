"""Runs profiled programs in which a library holds memory, and compares our figures with the library's own count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from child import HELPERS, TIMEOUT_SECONDS, library_path
from specimens import specimen

PACKAGES = ("numpy", "pandas", "pyarrow", "polars", "duckdb", "cffi")
PROGRAMS = {
    "polars": ("polars",),
    "duckdb": ("duckdb",),
    "pyarrow": ("numpy", "pandas", "pyarrow"),
    "pandas": ("numpy", "pandas", "pyarrow"),
    "mmap": (),
    "shared_memory": (),
    "memmap": ("numpy",),
    "numpy": ("numpy",),
    "untouched": ("numpy",),
    "ctypes": (),
    "cffi": ("cffi",),
}
"""The programs of the specimen, with the packages that each of them needs."""

MODES = ("preload", "patch")
ORDERS = ("first", "after")
"""Whether the profiler starts before or after the libraries are imported."""

GIVING_BACK = {
    "MIMALLOC_PURGE_DELAY": "0",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
    "DUCKDB_JE_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
}
"""Settings that make the libraries' internal allocators release freed memory at once. Otherwise it stays resident for
seconds, and no library counts it.
"""

ALLOWED = 0.05


@dataclass(frozen=True)
class Outcome:
    """The figures of one run. Sizes are growth in bytes."""

    mode: str
    counted: int
    """Growth according to the library's own count, or by calculation."""
    resident: int
    """Resident memory of blocks and mappings, according to a snapshot."""
    rss: int
    """RSS of the process."""
    on_line: int
    """The part of ``resident`` attributed to the line of the program's function."""
    without_python: int
    """The part that threads without Python frames mapped or allocated."""
    where: str
    """The names that account for most of ``without_python``."""

    @property
    def error(self) -> float:
        return self.resident / self.counted - 1

    @property
    def placed(self) -> float:
        """The share that is attributed to the line, or to a library and thread by name."""
        named = self.without_python if ", thread " in self.where else 0
        return (self.on_line + named) / self.resident

    def faults(self) -> list[str]:
        """List every figure that is not as required."""
        found = []
        if abs(self.error) > ALLOWED:
            found.append(f"{self.error:+.1%} beside the library's own count")
        if self.placed < 1 - ALLOWED:
            found.append(f"{1 - self.placed:.1%} neither on the line nor at a named thread")
        return found


def run(program: str, order: str, mode: str, python: str | Path = sys.executable) -> Outcome:
    """Run one program. Raise AssertionError unless it succeeds in this mode."""
    variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    variables.update(GIVING_BACK, PYTHONPATH=str(HELPERS))
    if mode == "preload":
        variables["LD_PRELOAD"] = library_path()
    words = [str(python), str(specimen("mapped/libraries")), program, order]
    done = subprocess.run(
        words, env=variables, capture_output=True, encoding="utf-8", timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, f"{program}, {order}, {mode}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
    assert outcome.mode == mode, outcome
    return outcome
