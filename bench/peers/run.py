"""One invocation: its options, and the data that its parts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peers.kept import Kept, Unit


@dataclass(frozen=True)
class Run:
    results: Path
    page: Path
    """The page for the tables."""
    charts: Path
    """The folder for the charts."""
    about: dict[str, object]
    is_quick: bool
    again: bool
    generations: int
    """Number of generations. 0: the part's default."""
    variants: Sequence[str]
    """Names of variants. Empty: the part's default."""
    chosen: Sequence[str]
    """Names of workloads. Empty: all of the part's workloads."""
    uninstalled: dict[str, str]

    _kept: dict[str, Kept] = field(default_factory=dict)

    def kept(self, part: str) -> Kept:
        if part not in self._kept:
            self._kept[part] = Kept(self.results, part, self.about, self.again)
        return self._kept[part]

    def names(self, of_part: Sequence[str]) -> Sequence[str]:
        return self.variants or of_part

    def generations_of(self, part: int) -> int:
        return self.generations or (1 if self.is_quick else part)

    def workloads(self, of_part: Sequence[str]) -> Sequence[str]:
        """Return the chosen workloads. A quick run uses two, which are enough to test that everything works."""
        if self.chosen:
            return [workload for workload in of_part if workload in self.chosen]
        return of_part[:2] if self.is_quick else of_part


def source_line(part: str, units: Sequence[Unit], run: Run) -> str:
    """Return which command measured the figures, when, for which sources, and on which machine."""
    dates = sorted({unit.date for unit in units})
    commits = sorted({unit.commit for unit in units})
    machines = list(dict.fromkeys(unit.machine.partition(", load average")[0] for unit in units))
    loads = [float(unit.machine.rpartition(" ")[2]) for unit in units]
    quick = " QUICK=1" if run.is_quick else ""
    return (
        f"`make bench-peers PARTS={part}{quick}`, {' – '.join(dict.fromkeys([dates[0], dates[-1]]))}, "
        f"commit {', '.join(commits)}: {'; '.join(machines)}; load average {min(loads):.1f} – {max(loads):.1f}."
    )


def failures(units: Sequence[Unit]) -> list[str]:
    """Return one line for each variant and reason, with the workloads in which the variant failed most recently."""
    last: dict[tuple[str, int, str], str] = {}
    for unit in units:
        last |= {(unit.workload, unit.generation, name): unit.failed.get(name, "") for name in unit.names()}
    where: dict[tuple[str, str], list[str]] = {}
    for (workload, _, name), why in last.items():
        if why:
            where.setdefault((name, why), []).append(workload)
    return [f"- {name} fails: {why} ({', '.join(dict.fromkeys(found))})" for (name, why), found in where.items()]
