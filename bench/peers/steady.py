"""Extra CPU of programs that allocate steadily, as a percentage of a core: measured, and derived from the cost of a
call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.intervals import Interval, bootstrap, of_groups

from peers import derived
from peers.costs import measure_unit
from peers.kept import Kept, Unit
from peers.rounds import Plan, Slice, baseline
from peers.run import Run, failures, source_line
from peers.tables import markdown, signed
from peers.variants import NONE, NONE_AGAIN, STEADY
from peers.workloads import MILLISECONDS

NS_A_MS = 1_000_000


class Load(NamedTuple):
    """A load of 100 MB a second."""

    title: str
    calls: int
    """Calls per second."""
    is_python: bool


LOADS = {
    "c_1k": Load("C, 1 KB", 100_000, False),
    "python_1k": Load("Python, 1 KB", 100_000, True),
    "c_100": Load("C, 100 B", 1_000_000, False),
}
BYTES_A_SECOND = 100_000_000
BARS = {64: 0.8, 256: 0.2, 512: 0.1, 1024: 0.05}
"""Maximum percentage of a core for loads of 1 KB, by sampling interval."""
BAR_OF_100_B = 0.3
"""Maximum percentage of a core in excess of an empty preload."""
QUICK = Plan(slice_ms=0, loops=1, rounds=2, least_rounds=2, seconds=1)


@dataclass(frozen=True)
class Steady:
    """The part "steady"."""

    name: str
    plan: Plan
    generations: int

    def measure(self, run: Run) -> None:
        kept, names = run.kept(self.name), run.names(STEADY)
        if not kept.is_done(derived.NAME, 0, [derived.NAME]):
            kept.add(derived.measure(run.is_quick))
        for number in range(run.generations_of(self.generations)):
            for workload in run.workloads(list(LOADS)):
                if not kept.is_done(workload, number, names):
                    unit = measure_unit(
                        self.name, workload, number, names, QUICK if run.is_quick else self.plan, run.uninstalled
                    )
                    kept.add(unit)
                    print(f"{self.name}, {workload}, processes {number + 1}: {short_line(unit)}", flush=True)

    def table(self, run: Run) -> str:
        kept = run.kept(self.name)
        groups = {workload: groups_of(kept, workload) for workload in LOADS}
        groups = {workload: found for workload, found in groups.items() if found}
        if not groups:
            return ""
        basis = derived.newest(kept.units(derived.NAME))
        names = [name for name in (NONE_AGAIN, *STEADY) if any(name in found for found in groups.values())]
        heads = [head for workload in groups for head in (LOADS[workload].title, "derived")]
        rows = [[name, *cells(groups, name, basis)] for name in names]
        units = [unit for unit in kept.units() if unit.workload in groups]
        used = "; ".join(f"{LOADS[workload].title}: {own_use(kept, workload):.1f}" for workload in groups)
        return "\n".join(
            [
                "Extra CPU, % of a core (95 %), with a load of 100 MB a second, which uses by itself "
                f"({used}). {max(len(found[NONE_AGAIN]) for found in groups.values())} fresh processes per variant.",
                "",
                markdown(["", *heads], rows),
                "",
                *failures(units),
                *[f"- {line}" for line in judge(groups)],
                "",
                derived.explain(basis),
                "",
                source_line(self.name, units, run),
            ]
        )

    def chart(self, run: Run) -> None:
        """Return None: this part has no chart."""


def percents(measured: Mapping[str, Sequence[Slice]], name: str) -> list[float]:
    """Return percentages round by round, relative to the nominal length: a late wake-up does not lower the cost."""
    own = baseline(measured, name)
    return [100 * (slice_[0] - base) / (MILLISECONDS * NS_A_MS) for slice_, base in zip(measured[name], own)]


def short_line(unit: Unit) -> str:
    of = {name: of_groups([percents(unit.measured, name)]) for name in unit.measured if name != NONE}
    found = [f"{name} {percent:+.3f}" for name, percent in of.items()]
    return "; ".join([*found, *(f"{name} fails: {why}" for name, why in unit.failed.items())])


def groups_of(kept: Kept, workload: str) -> dict[str, list[list[float]]]:
    """Return percentages by variant and generation."""
    newest: dict[str, dict[int, list[float]]] = {}
    for unit in kept.units(workload):
        for name in unit.measured.keys() - {NONE}:
            newest.setdefault(name, {})[unit.generation] = percents(unit.measured, name)
    return {name: list(by_generation.values()) for name, by_generation in newest.items()}


def own_use(kept: Kept, workload: str) -> float:
    """Return the percentage of a core that the load uses without a profiler."""
    groups = [[slice_[0] for slice_ in unit.measured[NONE]] for unit in kept.units(workload) if NONE in unit.measured]
    return 100 * of_groups(groups) / (MILLISECONDS * NS_A_MS)


def cells(groups: Mapping[str, Mapping[str, Any]], name: str, basis: derived.Basis | None) -> Iterator[str]:
    for workload, found in groups.items():
        yield signed(bootstrap(found[name]), 3) if name in found else "fails"
        percent = derived.percent_of(basis, name, LOADS[workload].calls, BYTES_A_SECOND, LOADS[workload].is_python)
        yield "" if percent is None else f"{percent:.3f}"


def judge(groups: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """For each load, yield whether the intervals are within the permitted maxima."""
    for workload, found in groups.items():
        of_ours = {
            f"spprof {kib}, {how}": kib
            for kib in BARS
            for how in ("patched", "preloaded")
            if f"spprof {kib}, {how}" in found
        }
        missed = []
        for name, kib in of_ours.items():
            extra, bar = extra_and_bar(workload, found, name, kib)
            if extra.low > bar:
                missed.append(f"{name}: {signed(extra, 3)}, at most {bar:g}")
        if of_ours:
            result = f"missed by {'; '.join(missed)}" if missed else "all hold"
            yield f"{LOADS[workload].title}, {bars_of(workload)}: {result}."


def bars_of(workload: str) -> str:
    if workload == "c_100":
        return f"at most {BAR_OF_100_B:g} % beyond an empty preload"
    return "at most " + ", ".join(f"{bar:g} % at {kib} KiB" for kib, bar in BARS.items())


def extra_and_bar(workload: str, found: Mapping[str, Any], name: str, kib: int) -> tuple[Interval, float]:
    if workload == "c_100" and "empty preload" in found:
        return beyond_of(found[name], found["empty preload"]), BAR_OF_100_B
    return bootstrap(found[name]), BARS[kib]


def beyond_of(groups: Sequence[Sequence[float]], floor: Sequence[Sequence[float]]) -> Interval:
    """Return the interval of the difference round by round, as both are from the same rounds."""
    return bootstrap([[one - other for one, other in zip(*pair)] for pair in zip(groups, floor)])


STEADY_PART = Steady("steady", Plan(slice_ms=0, loops=4, rounds=6, least_rounds=6, seconds=0), generations=4)
