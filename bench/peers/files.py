"""Writing a large snapshot and reading it back, compared with memray's table: bench/files.py's results as a table."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass

from common.orders import reason

from peers.kept import Unit
from peers.places import BENCH
from peers.run import Run, failures, source_line
from peers.tables import markdown

WORKLOAD = "files"
FEWER_STACKS = 500
PATIENCE_SECONDS = 1200
LINE = re.compile(r"(\S.*?) {2,}(\S.*)")


@dataclass(frozen=True)
class Files:
    """The part "files"."""

    name: str

    def measure(self, run: Run) -> None:
        kept = run.kept(self.name)
        if not kept.is_done(WORKLOAD, 0, [WORKLOAD]):
            kept.add(measure_unit(run.is_quick))

    def table(self, run: Run) -> str:
        units = run.kept(self.name).units()
        measured = [unit.measured[WORKLOAD] for unit in units if WORKLOAD in unit.measured]
        if not measured:
            return "\n".join(failures(units))
        return "\n".join(
            [
                "`python bench/files.py`: 50 000 unique stacks of 40 frames, best of three.",
                "",
                markdown(["", "wall (CPU)"], list(measured[-1].items())),
                "",
                source_line(self.name, units, run),
            ]
        )

    def chart(self, run: Run) -> None:
        """Return None: this part has no chart."""


def measure_unit(is_quick: bool) -> Unit:
    command = [sys.executable, "files.py", *([str(FEWER_STACKS)] if is_quick else [])]
    try:
        printed = subprocess.check_output(
            command, cwd=BENCH, encoding="utf-8", stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Unit(WORKLOAD, 0, {}, {WORKLOAD: reason(error)})
    return Unit(WORKLOAD, 0, {WORKLOAD: lines_of(printed)})


def lines_of(printed: str) -> dict[str, str]:
    """Return the printed measurements, which are in columns separated by spaces."""
    found = [LINE.fullmatch(line.strip()) for line in printed.splitlines()]
    return {match[1]: match[2] for match in found if match}


FILES_PART = Files("files")
