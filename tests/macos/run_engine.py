"""Runs the engine that was compiled for macOS on this Linux machine, if it is x86-64: the machine's code is the same.

python tests/macos/run_engine.py [PROGRAM...]      default: every test program in tests/macos/engine

A loader for Mach-O files (tests/macos/run) maps the libraries and binds what they import from macOS to stand-ins. The
engine, the test programs and the models of macOS's malloc and of its start code are compiled by zig for macOS. Prints a
line for each test, and exits with 1 if one failed. Needs tools/requirements-build.txt and requirements-macos.txt.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUN, ENGINE = HERE / "run", HERE / "engine"
BUILD = ROOT / "build" / "macos-run"
TIMEOUT = 300
"""Seconds for a test program; it needs less than ten."""

FOR_MACOS = ("layouts.c", "system_malloc.c", "system_start.c")
MODELS = ("system_malloc", "system_start")
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
HOST_FLAGS = "-std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -rdynamic -Wl,--no-as-needed".split()
FLAGS = "-std=gnu11 -D_DARWIN_C_SOURCE -O2".split()
INCLUDED = [f"-I{ROOT / folder}" for folder in ("include/macos", "include", "tests/aarch64", "tests/macos/engine")]
PLUGINS = ("plugin_one", "plugin_two")
FRAMES = {"framed": "-fno-omit-frame-pointer", "frameless": "-fomit-frame-pointer"}


def reason_to_skip() -> str:
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return "this is not Linux on x86-64"
    if importlib.util.find_spec("ziglang") is None:
        return "zig is not here: make run-macos-engine"
    return "" if shutil.which("cc") else "there is no C compiler"


def run(*words: str | Path) -> None:
    ended = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, check=False)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in words)}: exit status {ended.returncode}")


def zig(*words: str | Path) -> None:
    import zig_build

    run(zig_build.zig(), "cc", "-target", "x86_64-macos.12.0", *FLAGS, *WARNINGS, *INCLUDED, *words)


def build_loader() -> Path:
    loader = BUILD / "run_macho"
    sources = [file for file in sorted(RUN.glob("*.c")) if file.name not in FOR_MACOS]
    run("cc", *HOST_FLAGS, *WARNINGS, "-o", loader, *sources, "-lm", "-lpthread", "-ldl")
    zig("-c", "-o", BUILD / "layouts.o", RUN / "layouts.c")
    for model in MODELS:
        zig("-fno-builtin", "-shared", "-o", BUILD / f"{model}.dylib", RUN / f"{model}.c")
    return loader


def build_programs(engine: Path) -> list[Path]:
    parts = [BUILD / f"{kind}.o" for kind in FRAMES]
    for (kind, option), part in zip(FRAMES.items(), parts):
        zig("-c", option, f"-DKIND={kind}", "-o", part, ENGINE / "frames.c")
    parts += [ENGINE / "dwarf_frame.S", ENGINE / "names.c"]
    for plugin in PLUGINS:
        zig("-shared", f"-DNAME={plugin}", "-o", BUILD / f"{plugin}.dylib", ENGINE / "plugin.c")
    programs = []
    for source in sorted(ENGINE.glob("test_*.c")):
        programs.append(BUILD / source.stem)
        library = (f"-L{engine.parent}", "-lspprof_alloc", f"-Wl,-rpath,{engine.parent}")
        zig("-o", programs[-1], source, *parts, *library)
    return programs


def build_engine() -> Path:
    import macos

    return macos.build_engine("x86_64")


def run_program(loader: Path, program: Path) -> bool:
    """Return whether all its tests passed. The program prints a line for each test that did."""
    models = [word for model in MODELS for word in ("-m", f"{BUILD / model}.dylib")]
    command = [str(word) for word in (loader, *models, program)]
    print(f"== {program.name}", flush=True)
    try:
        ended = subprocess.run(command, env={"RUN_MACHO_STRICT": "1"}, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        print(f"FAILED {program.name}: no end after {TIMEOUT} s", flush=True)
        return False
    if ended.returncode != 0:
        print(f"FAILED {program.name}: exit status {ended.returncode}", flush=True)
    return ended.returncode == 0


def main() -> None:
    reason = reason_to_skip()
    if reason:
        print(f"skipped: the engine for macOS was not run ({reason})")
        return
    sys.path.insert(0, str(ROOT / "tools"))
    BUILD.mkdir(parents=True, exist_ok=True)
    engine, loader = build_engine(), build_loader()
    programs = [one for one in build_programs(engine) if one.name in sys.argv[1:] or len(sys.argv) == 1]
    passed = [run_program(loader, program) for program in programs]
    print(f"{sum(passed)} of {len(passed)} programs for macOS passed on Linux")
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
