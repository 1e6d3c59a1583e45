"""pyperformance's programs as functions of a number of loops. A runner of ours replaces pyperf's and only registers
them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple

from common.serve import FOLDER

Loops = Callable[[int], object]
"""A function that runs this many loops."""


class Program(NamedTuple):
    folder: str
    """The program's name in pyperformance, after bm_."""
    arguments: list[str]
    wanted: str = ""
    """One of the program's benchmarks. If empty, all of them run, one after the other."""
    cut: int = 0
    """Length of the input, if pyperformance's input takes longer than a slice should. 0: unchanged."""
    smaller: Mapping[str, int] = {}
    """Globals that make the program smaller, for the same reason: a number, or the length of a file that the global
    names.
    """


PROGRAMS = {
    "json_loads": Program("json_loads", []),
    "pickle": Program("pickle", ["pickle"]),
    "regex_compile": Program("regex_compile", []),
    "deltablue": Program("deltablue", []),
    "richards": Program("richards", []),
    "nbody": Program("nbody", []),
    "float": Program("float", []),
    "go": Program("go", []),
    "hexiom": Program("hexiom", []),
    "chaos": Program("chaos", []),
    "django_template": Program("django_template", []),
    "genshi": Program("genshi", []),
    "xml_etree_process": Program("xml_etree", [], "xml_etree_process"),
    "xml_etree_generate": Program("xml_etree", [], "xml_etree_generate"),
    "sqlglot_v2_optimize": Program("sqlglot_v2", ["optimize"]),
    "tomli_loads": Program("tomli_loads", [], smaller={"DATA_FILE": 60_000}),
    "async_tree_none": Program("async_tree", ["none"], smaller={"NUM_RECURSE_LEVELS": 4}),
    "sympy_integrate": Program("sympy", [], "sympy_integrate"),
    "deepcopy": Program("deepcopy", []),
    "pprint_safe_repr": Program("pprint", [], "pprint_safe_repr", cut=3_000),
}


class Remembering:
    """Replaces pyperf.Runner."""

    found: dict[str, Loops]
    program: Program

    def __init__(self, *_: object, **__: object) -> None:
        self.argparser = argparse.ArgumentParser()
        self.metadata: dict[str, object] = {}
        self.args = argparse.Namespace()

    def parse_args(self, *_: object) -> argparse.Namespace:
        self.args = self.argparser.parse_args(sys.argv[1:])
        return self.args

    def bench_func(self, name: str, function: Callable[..., object], *arguments: object, **_: object) -> None:
        chosen = [shortened(argument, self.program.cut) for argument in arguments]

        def run(loops: int) -> None:
            for _ in range(loops):
                function(*chosen)

        self.found[name] = run

    def bench_time_func(self, name: str, function: Callable[..., object], *arguments: object, **_: object) -> None:
        self.found[name] = lambda loops: function(loops, *arguments)

    def bench_async_func(
        self, name: str, function: Callable[..., Coroutine[Any, Any, object]], *arguments: object, **_: object
    ) -> None:
        async def run(loops: int) -> None:
            for _ in range(loops):
                await function(*arguments)

        self.found[name] = lambda loops: asyncio.run(run(loops))


def shortened(argument: object, length: int) -> object:
    """Return the beginning of a list, or a copy of a file truncated after the last table (TOML) that fits."""
    if length and isinstance(argument, list):
        return argument[:length]
    if length and isinstance(argument, Path):
        text = argument.read_text(encoding="utf-8")
        copy = Path(tempfile.mkdtemp(dir=os.environ.get(FOLDER)), argument.name)
        copy.write_text(text[: text.rindex("\n[", 0, length) + 1], encoding="utf-8")
        return copy
    return argument


def benchmarks_of(program: Program) -> dict[str, Loops]:
    """Return the program's benchmarks by name. It runs as the main program, from its own folder."""
    import pyperf
    import pyperformance

    folder = Path(pyperformance.__file__).parent / "data-files" / "benchmarks" / f"bm_{program.folder}"
    Remembering.found, Remembering.program = {}, program
    pyperf.Runner = Remembering
    before = sys.argv
    sys.argv = [str(folder / "run_benchmark.py"), *program.arguments]
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    try:
        kept.append(run_main(sys.argv[0], program.smaller))
    finally:
        sys.argv = before
    if not Remembering.found:
        raise LookupError(f"{program.folder} registered nothing")
    return Remembering.found


def run_main(file: str, smaller: Mapping[str, int]) -> dict[str, object]:
    """Run the file and return its globals. Some are changed once the program has registered its benchmarks."""
    module: dict[str, object] = {"__name__": "__main__", "__file__": file}
    exec(compile(Path(file).read_text(encoding="utf-8"), file, "exec"), module)
    missing = smaller.keys() - module.keys()
    if missing:
        raise LookupError(f"{file} has no {', '.join(sorted(missing))}")
    for name, size in smaller.items():
        module[name] = size if isinstance(module[name], int) else shortened(module[name], size)
    return module


kept: list[dict[str, object]] = []
"""The globals of the programs, kept alive because the programs' functions need them."""


def load(name: str) -> Loops:
    program = PROGRAMS[name]
    found = benchmarks_of(program)
    runs = [found[program.wanted]] if program.wanted else list(found.values())

    def run(loops: int) -> None:
        for one in runs:
            one(loops)

    return run
