"""Measurements, kept as one line of JSON for each finished unit, so that an interrupted run can resume."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.machine import describe, processor

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))  # last, because of its venv.py
from tree import commit, digest

METHOD = 1
"""Change this number whenever the meaning of a figure changes. Results of different methods are not mixed."""


@dataclass
class Unit:
    """One workload in one generation of processes, or the whole part if it has no generations."""

    workload: str
    generation: int
    measured: dict[str, Any]
    """Measurements by variant."""
    failed: dict[str, str] = field(default_factory=dict)
    """Reasons for failures by variant."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Loops per slice, and anything else that the part needs."""
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    commit: str = field(default_factory=commit)
    machine: str = field(default_factory=describe)

    def names(self) -> set[str]:
        return {*self.measured, *self.failed}


def about() -> dict[str, object]:
    """Return the properties that results must share to appear in one table."""
    return {
        "sources": digest("src", "include", "python", "meson.build"),
        "method": METHOD,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processor": processor(),
        "processors": os.cpu_count(),
    }


class Kept:
    """The units of one part for the current sources on this machine. If a variant has several, the newest counts."""

    def __init__(self, folder: Path, part: str, now: Mapping[str, object], again: bool = False) -> None:
        """Read the results so far, or ignore them if ``again`` is True."""
        self.path = folder / f"{part}.jsonl"
        self._about = dict(now)
        self._units: list[Unit] = []
        if self.path.exists() and not again:
            self._read()

    def _read(self) -> None:
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the run ended while writing this line
            if record["about"] == self._about:
                self._units.append(Unit(**record["unit"]))

    def is_done(self, workload: str, generation: int, names: Collection[str]) -> bool:
        """Return True if the unit has results for all of these variants, including failed ones."""
        found = [unit for unit in self._units if (unit.workload, unit.generation) == (workload, generation)]
        return bool(found) and set(names) <= set().union(*[unit.names() for unit in found])

    def add(self, unit: Unit) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"about": self._about, "unit": asdict(unit)}, ensure_ascii=False)
        with self.path.open("a+b") as file:
            # The previous line may be incomplete if a run ended while writing it.
            is_whole = file.tell() == 0 or (file.seek(-1, os.SEEK_END) and file.read(1) == b"\n")
            file.write(b"" if is_whole else b"\n")
            file.write(line.encode() + b"\n")
        self._units.append(unit)

    def units(self, workload: str | None = None) -> list[Unit]:
        """Return the units of one workload, or of all, in the order in which they were measured."""
        return [unit for unit in self._units if workload in (None, unit.workload)]
