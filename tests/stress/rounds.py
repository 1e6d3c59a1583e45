"""Rounds, checks and background load, which the Python specimens share.

    for number in rounds():         prints a line per finished round, which shows the runner that nothing hangs
        rate = start_anew(number)   sampling at the round's rate
        check(..., "what must hold")
    finish(figure=...)              prints the last line; without it the run counts as a wrong result

The runner (run.py) sets these variables in the environment: STRESS_ROUNDS or STRESS_SECONDS, the duration; STRESS_MODE,
how the library is loaded; and STRESS_BUILD, where C programs are compiled.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import spprof.memprof as memprof
from asked_for import bytearray_size
from spprof import _engine

MODE = os.environ["STRESS_MODE"]
SHORT = "STRESS_ROUNDS" in os.environ
RATES_KB = (0, 64, 1)
CHILD_IS_GOOD = 7

warnings.simplefilter("ignore")  # the warning about forking with threads, which is intended here


class WrongResultError(Exception):
    """Raised instead of AssertionError, because pytest and -O treat assertions specially."""


def check(good: object, what: str) -> None:
    if not good:
        raise WrongResultError(what)


def rounds() -> Iterator[int]:
    """Yield 0, 1, 2, … until enough rounds or seconds have passed."""
    most = int(os.environ.get("STRESS_ROUNDS", sys.maxsize))
    end = time.monotonic() + float(os.environ.get("STRESS_SECONDS", "inf"))
    number = 0
    while number < most and time.monotonic() < end:
        yield number
        number += 1
        print("round", number, flush=True)


def finish(**figures: object) -> None:
    print("done", json.dumps(figures), flush=True)


# ---- The profiler


def start_anew(number: int) -> int:
    """Start sampling, at a different rate each round. Return the rate in KiB; 0 samples every allocation."""
    if memprof.is_active():
        memprof.stop()
    rate = RATES_KB[number % len(RATES_KB)]
    memprof.start(rate, native=MODE)
    check(memprof.get_stats().native_mode == MODE, f"followed by {memprof.get_stats().native_mode}, not {MODE}")
    return rate


def count_live(size: int) -> int:
    """Count the live samples of exactly this many bytes. Above SIZES_LARGE, none of them belongs to the load."""
    return sum(record[1] == size for record in memprof.get_snapshot().records())


def check_counters() -> None:
    stats = memprof.get_stats()
    check(stats.total_samples == stats.live_samples + stats.freed_samples, f"total = live + freed: {stats}")


def drops() -> int:
    return sum(_engine.stats()["dropped_samples"].values())


# ---- C programs

PROGRAMS = Path(__file__).parent / "programs"
INCLUDE = Path(__file__).parents[2] / "include"


def compiled(name: str, *options: str) -> str:
    """Return the path of a program from programs/ (or a library, with -shared).

    It is rebuilt if it is older than its source.

    The compiler must not recognize malloc, or it would remove calls that seem to have no effect.
    """
    source = PROGRAMS / f"{name}.c"
    sources = [source, *PROGRAMS.glob("*.h"), *INCLUDE.glob("*.h")]
    output = Path(os.environ["STRESS_BUILD"]) / (f"{name}.so" if "-shared" in options else name)
    if not output.exists() or output.stat().st_mtime < max(file.stat().st_mtime for file in sources):
        aside = output.with_name(f"{output.name}.{os.getpid()}")  # other processes may be building the same program
        compiler = [*shlex.split(os.environ.get("CC", "cc")), "-O2", "-g", "-D_GNU_SOURCE", "-fno-builtin", "-Wall"]
        command = [*compiler, "-Wextra", f"-I{INCLUDE}", str(source), "-o", str(aside), "-pthread", *options, "-ldl"]
        environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        subprocess.run(command, check=True, env=environment)
        aside.replace(output)
    return str(output)


def library(name: str) -> str:
    return compiled(name, "-shared", "-fPIC")


def run_program(
    command: list[str], mode: str, rate_bytes: int | None, *, status: int = 0, before: str = "", after: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a C program with the engine in ``mode``. ``before`` and ``after`` are preloaded around the engine.

    If ``rate_bytes`` is None, the engine is loaded but not started.
    """
    engine = _engine.library_path()
    preload = [before, engine if mode == "preload" else "", after]
    environment = {
        **os.environ,
        "LD_PRELOAD": ":".join(filter(None, preload)),
        "STRESS_MODE": mode,
        "STRESS_RATE": "" if rate_bytes is None else str(rate_bytes),
        "STRESS_LIBRARY": engine,
    }
    finished = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    check(
        finished.returncode == status,
        f"{command} with {mode} at {rate_bytes}: status {finished.returncode}, not {status}\n{finished.stdout[-2000:]}"
        f"\n{finished.stderr[-4000:]}",
    )
    return finished


# ---- Load


def load_library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(library("load"))
    loaded.load_end.restype = loaded.reload_end.restype = ctypes.c_ulong
    loaded.load_begin.argtypes = [ctypes.c_int, ctypes.c_ulong]
    loaded.make_room.argtypes = loaded.fill_room.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    loaded.empty_room.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    loaded.fill_room.restype = ctypes.c_size_t
    loaded.short_threads.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t]
    return loaded


@contextmanager
def load(threads: int, seed: int = 1) -> Iterator[ctypes.CDLL]:
    """Run native threads that allocate, move and free blocks, and verify the contents of their blocks."""
    loaded = load_library()
    loaded.load_begin(threads, seed)
    try:
        yield loaded
    finally:
        loaded.load_end()


# ---- Forked children


def run_child(body: Callable[[], None]) -> int:
    """Fork a child that runs ``body`` and ends. Return its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        body()
        status = CHILD_IS_GOOD
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def expect_good(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        raise WrongResultError(f"child {pid} was ended by {signal.Signals(os.WTERMSIG(status)).name}")
    check(os.WEXITSTATUS(status) == CHILD_IS_GOOD, f"child {pid} ended with {os.WEXITSTATUS(status)}")


def live_on(rate_kb: int, generations: int = 1) -> None:
    """Do what every child must be able to do: allocate, see it in a snapshot, save its own file, and fork again."""
    blocks = [bytearray(87_653) for _ in range(20)]
    snapshot = memprof.get_snapshot()
    seen = sum(record[1] == bytearray_size(87_653) for record in snapshot.records())
    check(seen == 20 if rate_kb == 0 else seen <= 20, f"{seen} of 20 blocks are seen at {rate_kb} KiB")
    path = f"child-{os.getpid()}.collapsed"
    snapshot.save(path)
    check(os.path.getsize(path) > 0, "the child's file is empty")
    os.unlink(path)
    blocks.clear()
    check(rate_kb or count_live(bytearray_size(87_653)) == 0, "freed blocks are still listed")
    if generations:
        expect_good(run_child(lambda: live_on(rate_kb, generations - 1)))
    check_counters()
