"""Runs programs with and without the profiler, breaks their memory down, and compares our figures with the allocators'
own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from child import TIMEOUT_SECONDS
from specimens import specimen

PROGRAMS = {
    "empty": (),
    "of_numpy": ("numpy",),
    "of_pandas": ("numpy", "pandas", "pyarrow"),
    "of_polars": ("polars",),
    "of_duckdb": ("duckdb",),
    "of_pyarrow": ("pyarrow",),
    "of_onnxruntime": ("numpy", "onnx", "onnxruntime"),
    "of_lxml": ("lxml",),
    "of_sqlite": (),
    "threads": (),
    "dropped_large": (),
    "dropped_small": (),
    "of_mmap": (),
    "shared_memory": (),
    "gunicorn_worker": ("gunicorn",),
    "of_django": ("django",),
}
"""The files of tests/specimens/resident_sums, with the packages that each of them needs."""

PACKAGES = tuple(sorted({package for packages in PROGRAMS.values() for package in packages}))
PLAIN = "plain"
MODES = ("preload", "patch")

ALLOWED = 0.05
ALLOWED_BYTES = 64 << 10
"""Tolerance for malloc's free memory: a few blocks come and go while it is measured."""
JUDGED_BYTES = 16 << 20
"""Free memory in Python's pools is judged only from this size on, because the profiler's own objects use up smaller
amounts.
"""


@dataclass(frozen=True)
class Outcome:
    """One program's figures, in bytes."""

    program: str
    mode: str
    rss: int
    growth: int
    """Growth since the interpreter started, or the whole RSS for the empty program."""
    parts: dict[str, int]
    unexplained: int
    unclaimed: list[tuple[str, int]]
    said_by_malloc: int
    """Free memory according to mallinfo2(), minus memory that it does not count as free (fast bins) or that is not
    resident.
    """
    pools_keep: int
    """Growth of the free memory in Python's pools since the start."""
    said_by_python: int
    """The same growth according to sys._debugmallocstats(), in a run without the profiler."""

    @property
    def share(self) -> float:
        return self.unexplained / self.growth

    @property
    def malloc_error(self) -> int:
        return self.parts["malloc_free"] - self.said_by_malloc

    @property
    def pools_error(self) -> int:
        return self.pools_keep - self.said_by_python

    def faults(self) -> list[str]:
        """List every figure that is not as required."""
        found = []
        if abs(self.share) > ALLOWED:
            named = ", ".join(f"{size} {name}" for name, size in self.unclaimed)
            found.append(f"{self.share:+.1%} of the growth is unexplained; unclaimed: {named or 'not told'}")
        if abs(self.malloc_error) > max(self.said_by_malloc * ALLOWED, ALLOWED_BYTES):
            found.append(f"malloc_free is {self.malloc_error:+} bytes beside mallinfo2()")
        is_judged = max(self.said_by_python, self.pools_keep) >= JUDGED_BYTES
        if is_judged and abs(self.pools_error) > self.said_by_python * ALLOWED:
            found.append(f"pymalloc_free is {self.pools_error:+} bytes beside Python's own statistics")
        return found


def room_of_pools(program: str, python: str | Path = sys.executable) -> int:
    """Return the growth of the free memory in Python's pools without the profiler, according to Python's own
    statistics.
    """
    found = _run(program, PLAIN, python)
    return int(found["now"]["pymalloc_free"] - found["before"]["pymalloc_free"])


def run(program: str, mode: str, said_by_python: int, python: str | Path = sys.executable) -> Outcome:
    """Run one program. Raise AssertionError unless it succeeds in this mode."""
    found = _run(program, mode, python)
    now = found["now"]
    assert now["native_mode"] == mode, now
    growth = now["rss"] - (0 if program == "empty" else found["at_start"])
    malloc = now["fordblks"] - now["free_absent"]
    pools = now["pymalloc_free"] - found["before"]["pymalloc_free"]
    unclaimed = [(name, size) for name, size in now["unclaimed"]]
    return Outcome(
        program, mode, now["rss"], growth, now["parts"], now["unexplained"], unclaimed, malloc, pools, said_by_python
    )


def _run(program: str, mode: str, python: str | Path) -> dict[str, dict[str, int]]:
    variables = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SPPROF")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "numbers.json"
        variables.update(SUMS_MODE=mode, SUMS_FILE=str(file), PYTHONHASHSEED="0")
        under = ["-m", "spprof", "run", "-o", f"{folder}/heap.pb.gz", "--rate-kb", "16"] if mode == "preload" else []
        words = [str(python), *under, str(specimen(f"resident_sums/{program}"))]
        done = subprocess.run(
            words,
            env=variables,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        told = f"{program}, {mode}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, told
        assert file.exists(), told
        found: dict[str, dict[str, int]] = json.loads(file.read_text(encoding="utf-8"))
        return found
