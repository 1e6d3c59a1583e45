"""Counts the instructions of one allocator call with callgrind. The figures are exactly reproducible."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = ROOT / "tests" / "specimens" / "instructions" / "count_all.py"
TURNS = 1000

CASES = {
    "malloc_free": "malloc(64) + free",
    "calloc_free": "calloc(1, 64) + free",
    "realloc_in_place": "realloc(1000), in place",
    "object_malloc_free": "PyObject_Malloc(64) + Free",
    "object_calloc_free": "PyObject_Calloc(1, 64) + Free",
    "object_realloc": "PyObject_Realloc(60), in place",
}


class Count(NamedTuple):
    """Instructions per turn."""

    total: float
    """Instructions in all objects, excluding the loop around the calls."""
    ours: float
    """Instructions in our objects only."""


class Valgrind(NamedTuple):
    """A valgrind with its headers: the system's, or the one that `make build/deps/valgrind` unpacked."""

    program: str
    headers: list[str]
    """The compiler's option, if the compiler does not find the headers by itself."""
    environment: dict[str, str]


def find_valgrind() -> Valgrind | None:
    """Return a usable valgrind, or None."""
    unpacked = ROOT / "build" / "deps" / "valgrind" / "usr"
    if (unpacked / "bin" / "valgrind").exists():
        environment = {"VALGRIND_LIB": str(unpacked / "libexec" / "valgrind")}
        return Valgrind(str(unpacked / "bin" / "valgrind"), [f"-I{unpacked / 'include'}"], environment)
    program = shutil.which("valgrind")
    if program and Path("/usr/include/valgrind/callgrind.h").exists():
        return Valgrind(program, [], {})
    return None


def compile_shared(source: Path, output: Path, *options: str) -> Path:
    """Compile a shared library in which allocations of unused blocks are not optimized away."""
    compiler = os.environ.get("CC", "cc")
    flags = ["-O2", "-shared", "-fPIC", "-fno-builtin-malloc", "-fno-builtin-calloc", "-fno-builtin-realloc"]
    subprocess.run([compiler, *flags, *options, "-o", str(output), str(source), "-ldl"], check=True)
    return output


class Variant(NamedTuple):
    """One allocator configuration whose instructions are counted."""

    name: str
    state: str
    """The first argument for PROGRAM."""
    preload: str = ""


def variants(library: str, empty_preload: str) -> list[Variant]:
    """Return the configurations to compare. ``library`` is our engine."""
    return [
        Variant("none", "none"),
        Variant("empty preload", "none", empty_preload),
        Variant("preloaded, never started", "never", library),
        Variant("patched", "started"),
        Variant("patched, stopped", "stopped"),
        Variant("preloaded", "started", library),
        Variant("each allocation a sample", "sampling"),
    ]


def _costs(lines: list[str]) -> Iterator[tuple[str, int]]:
    """Yield each line's own instructions, with the object that contains the line."""
    names: dict[str, str] = {}
    ob, inclusive = "", False
    for line in lines:
        if found := re.match(r"c?ob=\((\d+)\)(?: (.*))?$", line):
            names[found[1]] = found[2] or names[found[1]]
            if line.startswith("ob="):
                ob = names[found[1]]
        elif line.startswith("calls="):
            inclusive = True
        elif found := re.match(r"[+*\-\d]\S* (\d+)$", line):
            if not inclusive:
                yield ob, int(found[1])
            inclusive = False


def _is_ours(ob: str) -> bool:
    return Path(ob).name == "libspprof_alloc.so" or Path(ob).name.startswith("_engine.")


def count(valgrind: Valgrind, variant: Variant, loops: Path, turns: int = TURNS) -> dict[str, Count]:
    """Run every case under ``variant``. ``loops`` is the compiled instructions.c."""
    environment = {**os.environ, **valgrind.environment, "PYTHONHASHSEED": "0", "LD_PRELOAD": variant.preload}
    with tempfile.TemporaryDirectory() as folder:
        tool = [valgrind.program, "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        command = [sys.executable, str(PROGRAM), variant.state, str(loops), str(turns)]
        subprocess.run([*tool, *command], env=environment, check=True, capture_output=True)
        totals, ours = {}, {}
        for file in Path(folder).glob("out.*"):
            lines = file.read_text(encoding="utf-8").splitlines()
            triggers = [re.match(r"desc: Trigger: Client Request: (\w+ \w+)", line) for line in lines[:20]]
            for name in (found[1] for found in triggers if found):
                totals[name] = next(int(line.split()[1]) for line in lines if line.startswith("summary:"))
                ours[name] = sum(cost for ob, cost in _costs(lines) if _is_ours(ob))

    def a_turn(counted: dict[str, int], name: str) -> float:
        return (counted[f"twice {name}"] - counted[f"once {name}"]) / turns

    loop = a_turn(totals, "nothing")
    return {name: Count(a_turn(totals, name) - loop, a_turn(ours, name)) for name in CASES}


def compile_loops(valgrind: Valgrind, folder: Path) -> Path:
    """Compile instructions.c against this Python's headers."""
    headers = [*valgrind.headers, f"-I{sysconfig.get_path('include')}"]
    return compile_shared(HERE / "instructions.c", folder / "instructions.so", *headers)
