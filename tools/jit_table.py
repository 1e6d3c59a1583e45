"""Prints rows of docs/platforms.md: the quality of stacks with the interpreter's JIT off and on, under each allocator.

python3 tools/jit_table.py PYTHON…      each with spprof installed; one without a JIT has one row for each allocator
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPECIMENS = ROOT / "tests" / "specimens" / "jit"
ALLOCATORS = ("pymalloc", "malloc", "mimalloc")  # mimalloc since 3.13
QUESTION = "import sys; print('%d.%d' % sys.version_info[:2], hasattr(sys, '_jit') and sys._jit.is_available())"


def ask(python: str, *arguments: str, **variables: str) -> str | None:
    """Return the output of this Python, or None if it does not start."""
    path = os.pathsep.join([str(SPECIMENS), str(ROOT / "tests" / "helpers")])
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    asked = subprocess.run([python, *arguments], env=environment, capture_output=True, encoding="utf-8")
    return asked.stdout if asked.returncode == 0 else None


def counts(python: str, jit: str, allocator: str) -> list[str] | None:
    """Return the number of stacks, of truncated ones and of those with generated code, for blocks and for ticks, and
    the number of leaves without a name.
    """
    cells = []
    for program in ("stacks_of_blocks", "stacks_of_ticks"):
        said = ask(python, str(SPECIMENS / f"{program}.py"), PYTHON_JIT=jit, PYTHONMALLOC=allocator)
        if said is None:
            return None
        faults = json.loads(said)[2]
        cells += [str(faults[name]) for name in ("stacks", "truncated", "generated", "nameless")]
    return cells


def main() -> None:
    for python in sys.argv[1:]:
        answer = ask(python, "-c", QUESTION)
        if answer is None:
            sys.exit(f"{python} does not start")
        version, has_jit = answer.split()
        for jit in ("0", "1") if has_jit == "True" else ("0",):
            for allocator in ALLOCATORS:
                cells = counts(python, jit, allocator)
                if cells is not None:
                    print("|", " | ".join([version, "on" if jit == "1" else "off", allocator, *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
