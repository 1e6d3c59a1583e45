"""What was measured, one line of JSON for each finished unit, so that an interrupted run is taken up."""

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

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))  # behind the standard library: it has a venv.py
from tree import commit, digest

METHOD = 1
"""Another one wherever a figure comes to mean something else: results of different ones are not mixed."""


@dataclass
class Unit:
    """One workload in one generation of processes; of parts without generations the whole."""

    workload: str
    generation: int
    measured: dict[str, Any]
    """By variant."""
    failed: dict[str, str] = field(default_factory=dict)
    """By variant: why."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Loops a slice, and whatever else the part needs."""
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    commit: str = field(default_factory=commit)
    machine: str = field(default_factory=describe)

    def names(self) -> set[str]:
        return {*self.measured, *self.failed}


def about() -> dict[str, object]:
    """What results must share to be in one table."""
    return {
        "sources": digest("src", "include", "python", "meson.build"),
        "method": METHOD,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processor": processor(),
        "processors": os.cpu_count(),
    }


class Kept:
    """The units of one part that are for the present sources on this machine. Of a variant the newest one counts."""

    def __init__(self, folder: Path, part: str, now: Mapping[str, object], again: bool = False) -> None:
        """``again``: what is there already counts no more."""
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
                continue  # the run ended while it wrote this
            if record["about"] == self._about:
                self._units.append(Unit(**record["unit"]))

    def is_done(self, workload: str, generation: int, names: Collection[str]) -> bool:
        """Whether it has all of these variants, be it as a failure."""
        found = [unit for unit in self._units if (unit.workload, unit.generation) == (workload, generation)]
        return bool(found) and set(names) <= set().union(*[unit.names() for unit in found])

    def add(self, unit: Unit) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"about": self._about, "unit": asdict(unit)}, ensure_ascii=False)
        with self.path.open("a+b") as file:
            # The line before may have been cut off when the run ended.
            is_whole = file.tell() == 0 or (file.seek(-1, os.SEEK_END) and file.read(1) == b"\n")
            file.write(b"" if is_whole else b"\n")
            file.write(line.encode() + b"\n")
        self._units.append(unit)

    def units(self, workload: str | None = None) -> list[Unit]:
        """In the order in which they were measured; of one workload or of all."""
        return [unit for unit in self._units if workload in (None, unit.workload)]
