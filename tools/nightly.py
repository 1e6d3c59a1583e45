"""Runs the suites that are too slow for .ci/run, piece by piece, and writes tests/nightly/RESULTS.md.

python3 tools/nightly.py [--again] [PIECE...]           default: all pieces

A piece with a good row for the current sources is skipped, so that an interrupted run can resume. --again runs such
pieces too. The table has the newest row of each piece. A piece's reports are kept in build/nightly until its next run.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import find_pythons
from results import read_records
from tree import commit, digest

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "nightly" / "RESULTS.md"
KEPT = ROOT / "build" / "nightly"
ATTACHED_FROM = 14
"""The first minor version of Python 3 whose running programs can be attached to."""
FUZZ_SECONDS = 600

HEAD = """# Results of the nightly suites

`make nightly` writes this table: the latest row of each piece. The column *sources* identifies the state of the
repository's files, without documents, that a row belongs to. Pieces without a row for the present state are run again.

"""


@dataclass
class Row:
    date: str
    commit: str
    sources: str
    piece: str
    python: str
    passed: int
    failed: int
    flaky: int
    skipped: int
    seconds: int


COLUMNS = [column.name for column in fields(Row)]


# ---- Selection


def pieces() -> dict[str, list[str]]:
    """Return make's arguments by the name of the piece, with the shortest piece first."""
    engine = f"OPTIONS=-Dengine={ROOT / '.venv' / 'build-checked' / 'libspprof_alloc.so'}"
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    own_python = f"PYTHON={Path(sys.base_prefix, 'bin', f'python{own}')}"
    found = {
        "c-and-tidy": ["install-with-c-tests", "run-c", "run-tidy"],
        "accuracy": ["install-with-c-tests", "run-accuracy"],
        "peak-coverage": ["install-with-c-tests", "record-peak-coverage"],
        "growth-long": ["install-with-c-tests", "record-growth-long"],
        "accuracy-long": ["install-with-c-tests", "record-accuracy-long"],
        "viewers": ["install-with-c-tests", "run-viewers"],
        "fuzz": [f"FUZZ_SECONDS={FUZZ_SECONDS}", "record-fuzz"],
        "fuzz-pprof": [f"FUZZ_SECONDS={FUZZ_SECONDS}", "install-with-c-tests", "record-run-fuzz-pprof"],
        "fuzz-requests": [f"FUZZ_REQUESTS_SECONDS={FUZZ_SECONDS}", "install-with-c-tests", "record-run-fuzz-requests"],
        "endings": ["install-with-c-tests", "record-run-endings"],
        "many-children": ["install-with-c-tests", "record-run-many-children"],
        "processes": ["install-with-c-tests", "record-run-processes"],
        "mapped": ["install-with-c-tests", "record-run-mapped"],
        f"allocators-{own}": ["install-with-c-tests", "record-run-allocators"],
        "resident": ["install-with-c-tests", "record-run-resident"],
        "map-model": ["install-with-c-tests", "run-map-model"],
        "sanitizer-address": ["run-sanitizer-address"],
        "sanitizer-thread": ["run-sanitizer-thread"],
        "valgrind": ["run-valgrind"],
        "packaging": ["install-with-c-tests", "run-packaging"],
        "wheels": ["record-check-wheels"],
        f"python-{own}": ["install-with-c-tests", "run-python"],
    }
    commands = {piece: [own_python, *words] for piece, words in found.items()}
    pythons = find_pythons.find()
    on = {
        version: [f"PYTHON={path}", f"VERSION={version}", f"VENV=build/venvs/{version}", engine]
        for version, path in pythons.items()
    }
    for version in pythons:
        if version != own:
            commands[f"python-{version}"] = [*on[version], "LONG=1", "run-python-again"]
            commands[f"allocators-{version}"] = [*on[version], "install-checked", "record-run-allocators"]
            if int(version.partition(".")[2]) >= ATTACHED_FROM:
                commands[f"attach-{version}"] = [*on[version], "install-checked", "record-run-attach-many"]
    with_suite = [version for version, path in pythons.items() if find_pythons.carries_suite(path)]
    if with_suite:
        commands["cpython-suite"] = [*on[with_suite[-1]], "run-cpython-suite"]
    return commands


def run(piece: str, words: list[str]) -> Row:
    results = KEPT / piece
    environment = {**os.environ, "RESULTS": str(results)}
    environment.pop("MAKEFLAGS", None)
    sums = [sys.executable, str(ROOT / "tools" / "results.py"), "sum"]
    make = ["make", "--no-print-directory"]
    version = next((word.partition("=")[2] for word in words if word.startswith("VERSION=")), platform.python_version())
    started = time.monotonic()
    if any(word.startswith("OPTIONS=-Dengine=") for word in words):
        subprocess.run([*make, ".venv/build-checked/libspprof_alloc.so"], cwd=ROOT, env=environment, check=False)
    made = subprocess.run([*make, "fresh-results", *words], cwd=ROOT, env=environment, check=False)
    subprocess.run(sums, cwd=ROOT, env=environment, check=False)
    seconds = round(time.monotonic() - started)
    records = read_records(results)
    failed = sum(len(record.failed) for record in records) + (made.returncode != 0) + (not records)
    return Row(
        datetime.date.today().isoformat(),
        commit(),
        digest(),
        piece,
        version,
        # A command without tests counts as one test.
        sum(record.passed + (not record.runner and not record.failed) for record in records),
        failed,
        sum(len(record.flaky) for record in records),
        sum(len(record.skipped) for record in records),
        seconds,
    )


# ---- The table


def read_table() -> dict[str, Row]:
    """Return the rows of the table, keyed by piece."""
    rows = {}
    if TABLE.exists():
        lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
        for line in lines[1:]:
            cells = line[2:-2].split(" | ")
            row = Row(*cells[:5], *map(int, cells[5:]))  # type: ignore[arg-type]
            rows[row.piece] = row
    return rows


def write_table(rows: dict[str, Row]) -> None:
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * 5}{'---:|' * (len(COLUMNS) - 5)}",
        *(f"| {' | '.join(str(cell) for cell in asdict(row).values())} |" for _, row in sorted(rows.items())),
    ]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def is_done(row: Row | None, of: str) -> bool:
    return row is not None and row.sources == of and row.failed == 0


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("pieces", nargs="*")
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args()
    known = pieces()
    unknown = set(asked.pieces) - set(known)
    if unknown:
        sys.exit(f"unknown piece {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    good = True
    for piece in asked.pieces or known:
        if not asked.again and is_done(read_table().get(piece), digest()):
            print(f"{piece}: already has a result for these sources")
            continue
        print(f"\n==== {piece}", flush=True)
        row = run(piece, known[piece])
        write_table({**read_table(), piece: row})
        print(f"{piece}: {row.passed} passed, {row.failed} failed, {row.flaky} flaky, {row.seconds} s", flush=True)
        good = good and row.failed == 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
