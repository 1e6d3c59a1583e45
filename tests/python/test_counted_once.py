"""Everything is counted once: a 100 MB array counts as 100 MB, a million small objects have their true size, and a
mapping of 50 MB counts as one mapping, whatever other allocators and hooks are present. Mappings that an allocator
makes for its blocks are not counted as mappings.

The tests combine Python's allocator (PYTHONMALLOC), the native mode, tracemalloc started and stopped before and after
spprof, other allocators preloaded before and after our library, and `import numpy` before or after the start. Each
combination runs in its own process; a table of all results is printed (pytest -s shows it). With
SPPROF_ALL_COMBINATIONS=1, which `make test` sets, all combinations run. Without it, as for the other Python versions in
`make test-all`, every allocator runs in both native modes.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from child import TIMEOUT_SECONDS, library_path
from specimens import specimen

pytest.importorskip("numpy", reason="the test counts numpy's arrays: pip install numpy")


class Case(NamedTuple):
    malloc: str
    native: str
    tracemalloc: str
    numpy: str
    foreign: str = "libc"
    order: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


def foreign_libraries() -> dict[str, str]:
    """Return the allocators that are installed on this machine, by name."""
    names = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}
    folders = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu"), Path("/usr/lib")]
    fetched = Path(__file__).parents[2] / "build" / "deps" / "allocators"
    folders += [folder for folder in fetched.glob("usr/lib/*") if folder.is_dir()]
    found = {}
    for name, file in names.items():
        for folder in folders:
            if (folder / file).exists():
                found[name] = str(folder / file)
    return found


def cases() -> list[Case]:
    mallocs = ["pymalloc", "malloc", "debug", "pymalloc_debug", "malloc_debug"]
    if sys.version_info >= (3, 13):
        mallocs.append("mimalloc")
    traced = ["none", "before", "after", "around", "above"]
    own = [
        Case(malloc, native, tracing, order)
        for malloc, native, tracing, order in itertools.product(
            mallocs, ["patch", "preload"], traced, ["before", "after"]
        )
        if tracing == "none" or order == "before"
    ]
    if not os.environ.get("SPPROF_ALL_COMBINATIONS"):
        return [case for case in own if case.tracemalloc == "none" and case.numpy == "before"]
    foreign = [
        Case(malloc, native, "none", order, name, where)
        for name in foreign_libraries()
        for malloc, (native, where), order in itertools.product(
            ["pymalloc", "malloc"], [("patch", "alone"), ("preload", "ours first"), ("patch", "ours last")], ["after"]
        )
    ]
    return own + foreign


def preloads(case: Case) -> str:
    if case.foreign == "libc":
        return library_path() if case.native == "preload" else ""
    foreign = foreign_libraries()[case.foreign]
    return {"alone": foreign, "ours first": f"{library_path()}:{foreign}", "ours last": f"{foreign}:{library_path()}"}[
        case.order
    ]


def run(case: Case) -> dict[str, float | str]:
    environment = {**os.environ, "PYTHONMALLOC": case.malloc, "LD_PRELOAD": preloads(case)}
    finished = subprocess.run(
        [sys.executable, str(specimen("counted_once/one_combination")), json.dumps(case._asdict())],
        env=environment, capture_output=True, encoding="utf-8", timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    if finished.returncode != 0:
        return {"error": f"exit status {finished.returncode}: {finished.stderr.strip().splitlines()[-1:]}"}
    answer: dict[str, float | str] = json.loads(finished.stdout)
    return answer


def verdict(case: Case, answer: dict[str, float | str]) -> str:
    """Return "right", or a description of the error. The limit is 6.5 standard deviations: one false alarm in 10¹⁰."""
    if "error" in answer:
        return str(answer["error"])
    wrong = []
    if abs(float(answer["deviations"])) > 6.5:
        wrong.append("small objects")
    if abs(float(answer["array"]) - 1) > 0.001:
        wrong.append("array")
    if not (1 <= float(answer["mapped"]) < 1.001 and 1 <= float(answer["mapped_then"]) < 1.001):
        wrong.append(f"mapped {answer['mapped']}, then {answer['mapped_then']}")
    if answer["mapped_beside"] != 0:
        wrong.append(f"{answer['mapped_beside']} bytes mapped beside")
    if answer["left"] != 0:
        wrong.append(f"{answer['left']} samples left")
    if answer["mode"] != case.native:
        wrong.append(f"mode {answer['mode']}")
    return ", ".join(wrong) or "right"


def test_every_block_is_counted_once_in_every_combination() -> None:
    every = cases()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        answers = list(pool.map(run, every))
    verdicts = [verdict(case, answer) for case, answer in zip(every, answers)]
    head = f"{'small':>8} {'array':>8} {'mapped':>8} {'beside':>9} {'left':>5}"
    lines = [f"{'combination':<52} {head}  verdict"]
    for case, answer, judged in zip(every, answers, verdicts):
        figures = " ".join(
            [
                f"{answer.get('small', 0):>8.4f} {answer.get('array', 0):>8.4f} {answer.get('mapped', 0):>8.4f}",
                f"{answer.get('mapped_beside', 0):>9} {answer.get('left', 0):>5}",
            ]
        )
        lines.append(f"{case!s:<52} {figures}  {judged}")
    if os.environ.get("SPPROF_ALL_COMBINATIONS") and not foreign_libraries():
        lines.append("(no other allocator here: make build/deps/allocators)")
    table = "\n".join(lines)
    print("\n" + table)
    assert all(judged == "right" for judged in verdicts), table
