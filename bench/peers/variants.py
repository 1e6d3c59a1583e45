"""The variants to compare: what wraps the process, and what is started in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from peers.places import HERE, compile_empty_hooks, compile_empty_preload, compile_loops

NONE, NONE_AGAIN = "none", "none again"
DROPPED = ("LD_PRELOAD", "PYTHONMALLOC", "PYTHONPATH", "PYTHONHASHSEED", "MALLOC_CONF", "PYTHONTRACEMALLOC")


@dataclass(frozen=True)
class Variant:
    name: str
    start: str = "nothing"
    """The variant's name in starts.py and, after a colon, the number passed to it."""
    around: tuple[str, ...] = ()
    """Words between python and the program. ``{folder}`` is a folder of this process."""
    separator: tuple[str, ...] = ()
    """The separator between the program and its own words, if the peer needs one."""
    preload: str = ""
    project: str = ""
    """The project that must be installed for the variant."""

    def command(self, program: str, *words: str) -> list[str]:
        return [sys.executable, *self.around, program, *self.separator, self.start, *words]

    def variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
        kept |= {
            "PYTHONHASHSEED": "0",
            "BENCH_EMPTY_HOOKS": str(compiled().empty_hooks),
            "BENCH_LOOPS": str(compiled().loops),
            "DD_TRACE_ENABLED": "false",
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "DD_REMOTE_CONFIGURATION_ENABLED": "false",
        }
        return {**kept, "LD_PRELOAD": self.preload} if self.preload else kept


@dataclass
class Compiled:
    """Paths of the files that variants and workloads load."""

    loops: str = ""
    empty_hooks: str = ""
    empty_preload: str = ""
    engine: str = ""


_compiled = Compiled()


def compiled() -> Compiled:
    """Compile everything on the first call."""
    if not _compiled.loops:
        _compiled.empty_hooks = str(compile_empty_hooks())
        _compiled.empty_preload = str(compile_empty_preload())
        ask = "from spprof import _engine; print(_engine.library_path())"
        _compiled.engine = subprocess.check_output([sys.executable, "-c", ask], encoding="utf-8", cwd="/").strip()
        _compiled.loops = str(compile_loops())
    return _compiled


WORKER = str(HERE / "worker.py")
MEMRAY = ("-m", "memray", "run", "--quiet", "--force", "--no-compress", "--output", "{folder}/memray.bin")
SCALENE = ("-m", "scalene", "run", "--outfile", "{folder}/scalene.json")
INTERVALS_KIB = (64, 256, 512, 1024)
RARELY_KIB = 1 << 20
"""1 GiB: at most one sample per second, so that only the hooks' cost remains."""


def all_variants() -> list[Variant]:
    ours = compiled().engine
    return [
        Variant(NONE),
        Variant(NONE_AGAIN),
        Variant("empty preload", preload=compiled().empty_preload),
        Variant("empty hooks", "empty_hooks:0"),
        *[Variant(f"spprof {kib}, patched", f"spprof:{kib}") for kib in INTERVALS_KIB],
        *[Variant(f"spprof {kib}, preloaded", f"spprof:{kib}", preload=ours) for kib in INTERVALS_KIB],
        Variant("spprof, preloaded, never started", preload=ours),
        Variant("spprof, hooks alone", f"spprof:{RARELY_KIB}"),
        Variant("ddtrace 512", "ddtrace:512", project="ddtrace"),
        Variant("Pyroscope 512", "pyroscope:512", project="pyroscope-io"),
        Variant("tracemalloc", "tracemalloc:1"),
        Variant("memray", around=MEMRAY, project="memray"),
        Variant("scalene", around=SCALENE, separator=("---",), project="scalene"),
    ]


def choose(names: Iterable[str]) -> list[Variant]:
    """Return these variants, and the two without a profiler as the baseline. Raise KeyError if there is no such
    variant.
    """
    known = {variant.name: variant for variant in all_variants()}
    return [known[name] for name in dict.fromkeys([NONE, NONE_AGAIN, *names])]


def missing(variants: Collection[Variant], uninstalled: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons why variants cannot run: projects that were not installed."""
    return {
        variant.name: f"does not install: {uninstalled[variant.project]}"
        for variant in variants
        if variant.project in uninstalled
    }


PEERS = ("ddtrace 512", "Pyroscope 512", "tracemalloc", "memray", "scalene")
"""In the order of the tables."""
COSTS = ("empty hooks", "spprof 512, patched", "spprof 512, preloaded", *PEERS)
"""The variants for the costs of programs."""
WORST = ("empty preload", *COSTS)
STEADY = (
    "empty preload",
    "empty hooks",
    *[f"spprof {kib}, patched" for kib in INTERVALS_KIB],
    *[f"spprof {kib}, preloaded" for kib in INTERVALS_KIB],
    *PEERS,
)
