"""Runs programs with SPPROF in their environment, and the same programs without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import spprof

TIMEOUT_SECONDS = 600
HOLDS = 'kept = [b"x" * 1_000_000 for _ in range(30)]\n'
"""A program that is certain to be sampled: the chance of fewer than five samples is 1 in 10¹⁴."""


def plain_environment() -> dict[str, str]:
    """Return this process's environment without the variables that start the profiler."""
    return {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SPPROF")}


def run(
    folder: Path,
    program: str | Path,
    variable: str | bytes | None,
    *arguments: str,
    options: tuple[str, ...] = (),
    python: str | Path = sys.executable,
    **how: Any,
) -> subprocess.CompletedProcess[str]:
    """Write a program to the folder that tests look in, and run it with or without SPPROF."""
    script = folder / "program.py"
    if isinstance(program, Path):
        script = program
    else:
        script.write_text(textwrap.dedent(program), encoding="utf-8")
    variables: dict[Any, Any] = {**plain_environment(), **how.pop("environment", {})}
    if variable is not None:
        variables["SPPROF"] = variable
    how = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8", "errors": "surrogateescape", **how}
    return subprocess.run(
        [str(python), *options, str(script), *arguments],
        cwd=folder, env=variables, timeout=TIMEOUT_SECONDS, check=False, **how,
    )  # fmt: skip


def files(folder: Path) -> list[str]:
    """Return the sorted names of the profiles. No other file of ours, such as an unfinished one, may exist."""
    names = sorted(os.listdir(folder))
    assert not [name for name in names if name.startswith(".")], names
    return [name for name in names if ".pb.gz" in name]


def environment(folder: Path, *start_up: str, python: str | Path = sys.executable) -> Path:
    """Create an environment that finds our package through a path file and has our start-up line in files with these
    names. Return its interpreter.
    """
    subprocess.run([str(python), "-m", "venv", "--without-pip", "--copies", str(folder)], check=True)
    purelib = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    ours = Path(spprof.__file__).parents[1]
    (purelib / "a-path.pth").write_text(f"{ours}\n")  # its name sorts before the others
    for name in start_up:
        shutil.copy(ours / "spprof.pth", purelib / name)
    return folder / "bin" / "python"
