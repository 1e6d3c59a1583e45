"""The expected cost of steady loads, derived from separate counts and timings:

    calls per second × instructions per call × time per instruction  +  samples per second × time per sample

Instructions are counted by callgrind (bench/instructions.py). The time per instruction is that of an unhooked malloc
and free divided by its instructions. The time of a sample with its free is measured in place: one after each
millisecond of other work.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from peers.kept import Unit
from peers.places import BENCH, HERE, ROOT, compile_shared
from peers.variants import compiled

sys.path.insert(0, str(ROOT / "tests" / "helpers"))  # before bench, which has an instructions.py too
import instructions

NAME = "derived"
STATES = {"patched": "patched", "preloaded": "preloaded"}


class Basis(NamedTuple):
    """The inputs of the derivation."""

    malloc_free: dict[str, float]
    """Instructions in excess of those without hooks, by "patched", "preloaded" and "empty preload"."""
    object_malloc_free: dict[str, float]
    ns_an_instruction: float
    us_a_sample: float


def measure(is_quick: bool) -> Unit:
    """Return a separate unit. If there is no valgrind, the unit contains the reason."""
    valgrind = instructions.find_valgrind()
    if valgrind is None:
        return Unit(NAME, 0, {}, {NAME: "valgrind is missing: make build/deps/valgrind, or apt-get install valgrind"})
    try:
        return Unit(NAME, 0, {NAME: basis_of(valgrind, is_quick)._asdict()})
    except subprocess.CalledProcessError as error:
        return Unit(NAME, 0, {}, {NAME: f"cannot count: {error}"})


def basis_of(valgrind: instructions.Valgrind, is_quick: bool) -> Basis:
    with tempfile.TemporaryDirectory() as name:
        loops = instructions.compile_loops(valgrind, Path(name))
        counted = {
            variant.name: instructions.count(valgrind, variant, loops, 100 if is_quick else instructions.TURNS)
            for variant in instructions.variants(compiled().engine, compiled().empty_preload)
            if variant.name in ("none", "empty preload", *STATES)
        }
    none = counted.pop("none")
    timed = times(100 if is_quick else 2000)
    return Basis(
        {name: counts["malloc_free"].total - none["malloc_free"].total for name, counts in counted.items()},
        {
            name: counts["object_malloc_free"].total - none["object_malloc_free"].total
            for name, counts in counted.items()
        },
        timed["pair_ns"] / none["malloc_free"].total,
        timed["sample_us"],
    )


def times(repeats: int) -> dict[str, float]:
    """Measure an unhooked pair back to back, and a sample in place."""
    engine = Path(compiled().engine)
    options = ["-std=gnu11", f"-iquote{ROOT / 'include'}", str(engine), f"-Wl,-rpath,{engine.parent}"]
    library = compile_shared(BENCH / "specimens" / "forced_sample.c", *options)
    command = [sys.executable, str(HERE / "sample_in_place.py"), str(library), str(repeats)]
    found: dict[str, float] = json.loads(subprocess.check_output(command, encoding="utf-8"))
    return found


def newest(units: Sequence[Unit]) -> Basis | None:
    found = [unit.measured[NAME] for unit in units if NAME in unit.measured]
    return Basis(**found[-1]) if found else None


def percent_of(basis: Basis | None, variant: str, calls: int, bytes_a_second: int, is_python: bool) -> float | None:
    """Return the cost as a percentage of a core, or None if it cannot be derived."""
    if basis is None:
        return None
    if variant == "empty preload":
        return 100 * calls * basis.malloc_free[variant] * basis.ns_an_instruction / 1e9
    kind, _, state = variant.partition(", ")
    words = kind.split()
    if words[0] != "spprof" or len(words) != 2:
        return None
    a_call = basis.malloc_free[state] + (basis.object_malloc_free[state] if is_python else 0)
    samples = bytes_a_second / (int(words[1]) * 1024)
    return 100 * (calls * a_call * basis.ns_an_instruction / 1e9 + samples * basis.us_a_sample / 1e6)


def explain(basis: Basis | None) -> str:
    if basis is None:
        return "Derived: not measured."
    added = ", ".join(f"{name} {count:+.1f}" for name, count in basis.malloc_free.items())
    return (
        f"Derived: instructions per malloc and free (`python bench/instructions.py`: {added}; in Python also those of "
        f"the hooks) × calls per second × {basis.ns_an_instruction:.3f} ns, plus samples per second × "
        f"{basis.us_a_sample:.2f} µs, the time of a sample and its free after a millisecond of other work."
    )
