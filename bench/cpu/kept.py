"""Measurements, kept in one file for each day and version of the sources, so that an interrupted run can resume."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from pathlib import Path

from common.machine import processor

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))  # last, because of its venv.py
from tree import commit, digest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = ROOT / "build" / "bench-cpu-results"
TABLES = HERE / "RESULTS.md"

METHOD = 2
"""Change this number whenever the meaning of a figure changes. Results of different methods are not mixed."""

Measured = dict[str, list[list[float]]]
"""A few figures for each round, keyed by the name of the measurement."""


class Kept:
    """One file of measurements. ``measured`` is written after each round."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.about: dict[str, object] = {
            "sources": digest("src", "include", "python"),
            "method": METHOD,
            "python": platform.python_version(),
            "kernel": platform.release(),
            "processor": processor(),
            "processors": os.cpu_count(),
        }
        self.measured: Measured = {}
        self.path = self.find(folder)

    def find(self, folder: Path) -> Path:
        """Return the file for these sources on this machine, or the path of a new one."""
        for path in sorted(folder.glob("*.json")):
            kept = json.loads(path.read_text())
            if kept["about"] == self.about:
                self.measured = kept["measured"]
                return path
        return folder / f"{datetime.date.today().isoformat()}-{self.about['python']}-{commit()}.json"

    def of(self, name: str) -> list[list[float]]:
        """Return the figures of each round so far."""
        return self.measured.get(name, [])

    def add(self, name: str, figures: list[float]) -> None:
        self.measured.setdefault(name, []).append(figures)

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_suffix(".partial")
        aside.write_text(json.dumps({"about": self.about, "measured": self.measured}) + "\n")
        aside.replace(self.path)


HEADING = "## "


def write_tables(title: str, text: str, file: Path = TABLES) -> None:
    """Put the output of one run at the top of RESULTS.md, and replace any section with the same title."""
    head, *sections = file.read_text(encoding="utf-8").split(f"\n{HEADING}")
    section = f"{title}\n\n```\n{text.strip()}\n```\n"
    others = [old for old in sections if old.partition("\n")[0] != title]
    file.write_text(f"\n{HEADING}".join([head, section, *others]), encoding="utf-8")
