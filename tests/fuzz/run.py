"""Feed parsers of untrusted bytes with inputs that reach new code, and keep the inputs that make them crash or hang.

python3 tests/fuzz/run.py [--seconds 60 | --runs N] [TARGET...]

Inputs come from tests/fuzz/corpus/TARGET and from build/fuzz/TARGET/corpus, to which those that reach new code are
added. Inputs that crash or hang are left in build/fuzz/TARGET/found. The exit status is not 0 if there were any.

The engine is libFuzzer if its archive is found, otherwise driver.c. Both run with gcc's sanitizers and gcc's coverage.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COVERAGE = "-fsanitize-coverage=trace-pc,trace-cmp"
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-fno-omit-frame-pointer")
DONE = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """The function that takes the inputs, and the sources that it tests."""

    name: str
    sources: Sequence[str]
    include: Sequence[str] = ()
    longest_input: int = 4096
    limit_seconds: int = 60  # an input that takes longer is a hang; libFuzzer also counts other programs' time


TARGETS = (
    Target(
        "eh_frame",
        sources=[
            "tests/fuzz/fuzz_eh_frame.c",
            *(f"src/core/unwind/{name}.c" for name in ("cfi", "dwarf_reader", "eh_frame", "expression")),
        ],
        include=["src/core/unwind", f"src/core/unwind/{platform.machine()}"],
    ),
    Target(
        "http",
        sources=[
            "tests/fuzz/fuzz_http.c",
            *(f"src/python/serve/{name}.c" for name in ("buffer", "grow_mapping_linux", "http")),
        ],
        include=["src/python/serve"],
    ),
)


@dataclass(frozen=True)
class Engine:
    name: str
    link: Sequence[str]


DRIVER = Engine("driver.c", ["driver.o"])


# ---- Programs ----


def run_compiler(folder: Path, *arguments: str) -> None:
    command = [*shlex.split(os.environ.get("CC", "gcc")), *arguments]
    subprocess.run(command, cwd=folder, check=True)


def compile_objects(target: Target, folder: Path) -> list[str]:
    """Compile into ``folder`` and return the names of the target's objects. The engine's own code is neither sanitized
    nor counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("coverage", "driver"):
        run_compiler(folder, *FLAGS, "-c", str(HERE / f"{name}.c"), "-o", f"{name}.o")
    sources = [ROOT / source for source in target.sources]
    folders = [f"-I{ROOT / name}" for name in target.include]
    for source in sources:
        run_compiler(folder, *FLAGS, *SANITIZERS, COVERAGE, *folders, "-c", str(source), "-o", f"{source.stem}.o")
    return [f"{source.stem}.o" for source in sources]


def link_program(objects: list[str], engine: Engine, folder: Path) -> Path:
    wrapped = "-Wl,--wrap=__sanitizer_cov_trace_pc"
    run_compiler(folder, *SANITIZERS, wrapped, *objects, "coverage.o", *engine.link, "-o", "program")
    return folder / "program"


def archives_of_libfuzzer(folder: Path | None) -> list[Path]:
    """Return libFuzzer's archives, newest first."""
    roots = [folder.resolve() / "usr", Path("/usr")] if folder else []
    found = [archive for root in roots for archive in root.glob("lib/llvm-*/lib/libFuzzer.a")]
    return sorted(found, key=lambda archive: int(archive.parts[-3].partition("-")[2]), reverse=True)


def build(target: Target, libfuzzer: Path | None, folder: Path) -> tuple[Path, Engine]:
    objects = compile_objects(target, folder)
    for archive in archives_of_libfuzzer(libfuzzer):
        engine = Engine(f"libFuzzer {archive.parts[-3]}", [str(archive), "-l:libstdc++.so.6", "-lm", "-pthread"])
        try:
            return link_program(objects, engine, folder), engine
        except subprocess.CalledProcessError:
            print(f"{archive} does not link here; trying the next engine")
    return link_program(objects, DRIVER, folder), DRIVER


# ---- Runs ----


def fuzz(target: Target, options: argparse.Namespace) -> bool:
    folder = options.build / target.name
    corpora, found = [folder / "corpus", options.corpus / target.name], folder / "found"
    for needed in (*corpora, found):
        needed.mkdir(parents=True, exist_ok=True)
    program, engine = build(target, options.libfuzzer, folder)
    limit = f"-runs={options.runs}" if options.runs is not None else f"-max_total_time={options.seconds}"
    command = [
        str(program),
        limit,
        f"-seed={options.seed}",
        f"-max_len={target.longest_input}",
        f"-timeout={target.limit_seconds}",
        f"-artifact_prefix={found}/",
        "-detect_leaks=0",
        *map(str, corpora),
    ]
    with open(folder / "log.txt", "w", encoding="utf-8", errors="replace") as log:
        # Engines notice an abort, but not this sanitizer's exit.
        environment = {**os.environ, "UBSAN_OPTIONS": "abort_on_error=1:print_stacktrace=1"}
        status = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False).returncode
    return report(target, engine, folder, status)


def report(target: Target, engine: Engine, folder: Path, status: int) -> bool:
    log = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
    done = DONE.search(log)
    if status == 0 and done:
        print(f"{target.name}: {done[1]} runs in {done[2]} s, engine {engine.name}: nothing found")
        return True
    print("\n".join(log.splitlines()[-60:]))
    print(f"{target.name}: exit status {status}, engine {engine.name}; see {folder / 'found'} and {folder / 'log.txt'}")
    return False


def merge(target: Target, options: argparse.Namespace) -> bool:
    """Add the smallest set of a folder's inputs that reaches all code which the committed corpus does not."""
    program, engine = build(target, options.libfuzzer, options.build / target.name)
    if engine is DRIVER:
        print("driver.c cannot merge; libFuzzer is needed")
        return False
    corpus = options.corpus / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    command = [str(program), "-set_cover_merge=1", "-use_counters=0", str(corpus), str(options.merge)]
    return subprocess.run(command, check=False).returncode == 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build" / "fuzz", help="folder for everything that is built"
    )
    parser.add_argument(
        "--corpus", type=Path, default=HERE / "corpus", help="folder with a folder of inputs for each target"
    )
    parser.add_argument("--libfuzzer", type=Path, help="folder of an unpacked libFuzzer (default: driver.c)")
    parser.add_argument("--merge", type=Path, metavar="FOLDER", help="add its inputs to the committed corpus")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(target.name for target in TARGETS))
    options = parser.parse_args(arguments)
    options.build = options.build.resolve()
    unknown = set(options.targets) - {target.name for target in TARGETS}
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = parse_arguments(sys.argv[1:])
    chosen = [target for target in TARGETS if target.name in options.targets or not options.targets]
    action = merge if options.merge else fuzz
    results = [action(target, options) for target in chosen]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
