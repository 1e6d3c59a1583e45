"""Runs the stack specimens on each Python that is found, under each of its allocators, with its JIT off and on.

python3 tools/platforms.py [VERSION...]                 default: all versions

Replaces the rows of these versions in docs/platforms.md.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import find_pythons

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "platforms.md"
ENGINE = ROOT / ".venv" / "build-checked" / "libspprof_alloc.so"
SPECIMENS = [f"tests/python/test_{name}.py" for name in ("stacks", "mixed_stacks", "whole_stacks")]
ALLOCATORS = ("pymalloc", "malloc", "mimalloc")
HAS_JIT = "import sys; sys.exit(not getattr(sys, '_jit', None) or not sys._jit.is_available())"
HAS_ALLOCATOR = "pass"
COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")


def runs(python: Path, **environment: str) -> bool:
    """Return True if the interpreter starts with this environment."""
    program = HAS_JIT if environment.get("PYTHON_JIT") == "1" else HAS_ALLOCATOR
    variables = {**os.environ, **environment}
    return subprocess.run([str(python), "-c", program], env=variables, capture_output=True, check=False).returncode == 0


def install(version: str, path: str) -> Path:
    """Create an environment of this version, with the engine from the first build."""
    folder = ROOT / "build" / "venvs" / version
    words = [f"PYTHON={path}", f"VENV={folder}", f"OPTIONS=-Dengine={ENGINE}"]
    subprocess.run(["make", "--no-print-directory", str(ENGINE.relative_to(ROOT))], cwd=ROOT, check=True)
    subprocess.run(["make", "--no-print-directory", "install-checked", *words], cwd=ROOT, check=True)
    return folder / "bin" / "python"


def row(version: str, python: Path, allocator: str, jit: str) -> str:
    environment = {**os.environ, "PYTHONMALLOC": allocator}
    command = [str(python), "-m", "pytest", "--quiet", "--numprocesses=auto", "-k", f"jit-{jit}", *SPECIMENS]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False).stdout
    counts = {word: int(number) for number, word in COUNT.findall(told.splitlines()[-1] if told else "")}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    full = subprocess.check_output([str(python), "-c", "import platform; print(platform.python_version())"], text=True)
    cells = [version, full.strip(), jit, allocator, counts.get("passed", 0), failed, counts.get("skipped", 0)]
    line = " | ".join(map(str, [*cells, datetime.date.today().isoformat()]))
    print(line, flush=True)
    return f"| {line} |"


def rows(version: str, python: Path) -> list[str]:
    jits = ("off", "on") if runs(python, PYTHON_JIT="1") else ("off",)
    allocators = [allocator for allocator in ALLOCATORS if runs(python, PYTHONMALLOC=allocator)]
    return [row(version, python, allocator, jit) for jit in jits for allocator in allocators]


def write(version: str, made: list[str]) -> None:
    """Write the rows into the table, sorted by version."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("| CPython | release")) + 2
    end = next((number for number in range(begin, len(lines)) if not lines[number].startswith("| ")), len(lines))
    kept = [line for line in lines[begin:end] if not line.startswith(f"| {version} |")]
    table = sorted([*kept, *made], key=lambda line: int(line.split(" | ")[0].partition(".")[2]))
    PAGE.write_text("\n".join([*lines[:begin], *table, *lines[end:], ""]), encoding="utf-8")


def main() -> None:
    asked = sys.argv[1:]
    for version, path in find_pythons.find().items():
        if not asked or version in asked:
            write(version, rows(version, install(version, path)))


if __name__ == "__main__":
    main()
