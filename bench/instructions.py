"""The cost of each allocator call in instructions: without hooks, and with spprof in every state.

    make bench                          or      .venv/bin/python bench/instructions.py

callgrind counts the instructions, so the figures are exactly reproducible. The instructions in our own objects are in
brackets. The last row samples each allocation, below a stack of three Python frames, and removes the sample from the
table when the block is freed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from spprof import _engine

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from instructions import CASES, compile_loops, compile_shared, count, find_valgrind, variants


def main() -> None:
    valgrind = find_valgrind()
    if valgrind is None:
        raise SystemExit("valgrind is missing: make build/deps/valgrind, or apt-get install valgrind")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty = compile_shared(Path(__file__).parent / "specimens" / "empty_preload.c", folder / "empty.so")
        loops = compile_loops(valgrind, folder)
        print("| instructions (ours) | " + " | ".join(CASES.values()) + " |")
        print("|---|" + "---|" * len(CASES))
        for variant in variants(_engine.library_path(), str(empty)):
            counts = count(valgrind, variant, loops)
            cells = " | ".join(f"{counts[case].total:.1f} ({counts[case].ours:.1f})" for case in CASES)
            print(f"| {variant.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
