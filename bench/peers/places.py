"""Paths and compiled files."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BENCH = ROOT / "bench"
BUILD = ROOT / "build" / "bench"
REQUIREMENTS = ROOT / "tools" / "requirements-bench-peers.txt"
PAGE = ROOT / "docs" / "benchmarks.md"
TMPFS = "/dev/shm"


def programs_folder() -> Path:
    """Return the folder of this environment's commands."""
    return Path(sys.executable).parent


def outputs_within() -> str | None:
    """Return a folder in memory for profilers' output, so that no disk slows any of them, or None for the default."""
    return TMPFS if os.access(TMPFS, os.W_OK) else None


def compile_shared(source: Path, *options: str) -> Path:
    """Compile a C source to a shared object in the build folder. The compiler must not know that blocks are unused."""
    output = BUILD / "compiled" / f"{source.stem}.so"
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [*shlex.split(os.environ.get("CC", "cc")), "-O2", "-fno-builtin", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", str(output), str(source), *options, "-ldl", "-lpthread"], check=True)
    return output


def compile_loops() -> Path:
    return compile_shared(HERE / "loops.c")


def compile_empty_hooks() -> Path:
    return compile_shared(HERE / "empty_hooks.c", f"-I{sysconfig.get_path('include')}")


def compile_empty_preload() -> Path:
    return compile_shared(BENCH / "specimens" / "empty_preload.c")
