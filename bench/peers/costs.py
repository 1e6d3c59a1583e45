"""CPU time relative to no profiler: the worst cases, and pyperformance's programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.intervals import Interval, bootstrap, bootstrap_geometric

from peers.charts import Chart, Row
from peers.kept import Kept, Unit
from peers.programs import PROGRAMS
from peers.rounds import BaselineError, Plan, generation, ratios
from peers.run import Run, failures, source_line
from peers.tables import markdown, percent_more
from peers.variants import COSTS, NONE, NONE_AGAIN, choose
from peers.variants import WORST as WORST_VARIANTS
from peers.workloads import WORST as WORST_LOADS

Ratios = list[list[float]]
"""For each generation, the ratios of its rounds."""
QUICK = Plan(slice_ms=5, loops=0, rounds=2, least_rounds=2, seconds=1)
OURS = "spprof 512, patched"
DRAWN = (OURS, "ddtrace 512", "Pyroscope 512")


@dataclass(frozen=True)
class Costs:
    """The part "worst" or "programs"."""

    name: str
    workloads: Sequence[str]
    variants: Sequence[str]
    plan: Plan
    generations: int
    has_mean: bool = False

    def measure(self, run: Run) -> None:
        kept, plan = run.kept(self.name), QUICK if run.is_quick else self.plan
        names = run.names(self.variants)
        for number in range(run.generations_of(self.generations)):
            for workload in run.workloads(self.workloads):
                if kept.is_done(workload, number, names):
                    continue
                unit = measure_unit(self.name, workload, number, names, plan, run.uninstalled)
                kept.add(unit)
                print(f"{self.name}, {workload}, processes {number + 1}: {short_line(unit)}", flush=True)

    def table(self, run: Run) -> str:
        kept = run.kept(self.name)
        groups = {workload: groups_of(kept, workload) for workload in self.workloads}
        groups = {workload: found for workload, found in groups.items() if found}
        if not groups:
            return ""
        names = [name for name in (NONE_AGAIN, *self.variants) if any(name in found for found in groups.values())]
        rows = [[workload, *cells(found, names)] for workload, found in groups.items()]
        if self.has_mean:
            rows.append(["**geometric mean**", *means(groups, names)])
        units = [unit for unit in kept.units() if unit.workload in groups]
        every = [len(found[NONE_AGAIN]) for found in groups.values()]
        counts = sorted({min(every), max(every)})
        text = [
            f"CPU time, % more than without a profiler (95 %); ×: times as much. {' to '.join(map(str, counts))} fresh"
            " processes of each variant and workload.",
            "",
            markdown(["", *names], rows),
            "",
            *failures(units),
            *self.judgement(groups),
            "",
            source_line(self.name, units, run),
        ]
        return "\n".join(text)

    def chart(self, run: Run) -> Chart | None:
        """Return a chart for the part "programs", or None for the other part."""
        kept = run.kept(self.name)
        groups = {workload: groups_of(kept, workload) for workload in self.workloads}
        groups = {workload: found for workload, found in groups.items() if found}
        if not groups or not self.has_mean:
            return None
        every = [[found[name] for found in groups.values() if name in found] for name in DRAWN]
        mean = Row(
            "geometric mean", [percent(bootstrap_geometric(rows)) if rows else None for rows in every], is_strong=True
        )
        rows = [
            Row(workload, [percent(bootstrap(found[name])) if name in found else None for name in DRAWN])
            for workload, found in groups.items()
        ]
        note = "CPU time, % more than without a profiler, with 95 % intervals; each samples every 512 KiB."
        return Chart(
            "What a heap profiler costs pyperformance's programs", note, "% more CPU time", DRAWN, [mean, *rows]
        )

    def judgement(self, groups: Mapping[str, Mapping[str, Ratios]]) -> list[str]:
        """Compare the lower ends of our intervals with the permitted maxima."""
        return [f"- {line}" for line in (judge_programs(groups) if self.has_mean else judge_worst(groups))]


def measure_unit(
    part: str, workload: str, number: int, names: Sequence[str], plan: Plan, uninstalled: Mapping[str, str]
) -> Unit:
    try:
        found = generation(choose(names), f"{part}/{workload}", plan, uninstalled)
    except BaselineError as error:
        return Unit(workload, number, {}, dict.fromkeys(names, f"the workload itself fails: {error}"))
    return Unit(workload, number, dict(found.measured), found.failed, {"loops": found.loops})


def short_line(unit: Unit) -> str:
    """Return a line that shows progress."""
    of = {name: bootstrap([ratios(unit.measured, name)]).middle for name in unit.measured if name != NONE}
    found = [f"{name} {100 * (ratio - 1):+.1f}" for name, ratio in of.items()]
    return "; ".join([*found, *(f"{name} fails: {why}" for name, why in unit.failed.items())])


def groups_of(kept: Kept, workload: str) -> dict[str, Ratios]:
    """Return the ratios by variant and generation. Empty if nothing was measured."""
    newest: dict[str, dict[int, list[float]]] = {}
    for unit in kept.units(workload):
        for name in unit.measured.keys() - {NONE}:
            newest.setdefault(name, {})[unit.generation] = ratios(unit.measured, name)
    return {name: list(by_generation.values()) for name, by_generation in newest.items()}


def cells(groups: Mapping[str, Ratios], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield percent_more(bootstrap(groups[name])) if name in groups else "fails"


def means(table: Mapping[str, Mapping[str, Ratios]], names: Sequence[str]) -> Iterator[str]:
    """Yield the means. If a variant fails in some workloads, say how many of them the mean includes."""
    for name in names:
        rows = [groups[name] for groups in table.values() if name in groups]
        of = "" if len(rows) == len(table) else f", of {len(rows)}"
        yield f"**{percent_more(bootstrap_geometric(rows))}**{of}"


# ---- Bars


def judge_programs(table: Mapping[str, Mapping[str, Ratios]]) -> Iterator[str]:
    ours = {workload: bootstrap(groups[OURS]) for workload, groups in table.items() if OURS in groups}
    if not ours:
        return
    mean = bootstrap_geometric([table[workload][OURS] for workload in ours])
    yield f"{OURS}: geometric mean at most +1 %: {verdict(mean, 1)}."
    above = [f"{workload} {percent_more(ratio)}" for workload, ratio in ours.items() if lower_end(ratio) > 2.5]
    yield f"{OURS}: no program above +2.5 %: {'missed by ' + '; '.join(above) if above else 'holds'}."
    for peer in ("ddtrace 512", "Pyroscope 512"):
        both = [workload for workload in ours if peer in table[workload]]
        dearer = [workload for workload in both if ours[workload].middle >= bootstrap(table[workload][peer]).middle]
        yield f"Below {peer} in {len(both) - len(dearer)} of {len(both)}" + (
            f"; not in {', '.join(dearer)}." if dearer else "."
        )


BARS = {"s += …": 2.0, "object()": 2.5, "tuples": 2.5, "str(i)": 2.5, "objects, tuples, strings": 2.5}


def judge_worst(table: Mapping[str, Mapping[str, Ratios]]) -> Iterator[str]:
    for workload, bar in BARS.items():
        if OURS in table.get(workload, {}):
            yield f"{OURS}, `{workload}` at most +{bar:g} %: {verdict(bootstrap(table[workload][OURS]), bar)}."


def percent(ratio: Interval) -> Interval:
    return Interval(*[100 * (value - 1) for value in ratio])


def lower_end(ratio: Interval) -> float:
    return 100 * (ratio.low - 1)


def verdict(ratio: Interval, bar: float) -> str:
    return f"{'holds' if lower_end(ratio) <= bar else 'missed'}, {percent_more(ratio)}"


PROGRAMS_PART = Costs(
    "programs",
    list(PROGRAMS),
    COSTS,
    Plan(slice_ms=25, loops=0, rounds=8, least_rounds=3, seconds=3.5),
    generations=5,
    has_mean=True,
)
WORST_PART = Costs(
    "worst",
    list(WORST_LOADS),
    WORST_VARIANTS,
    Plan(slice_ms=20, loops=0, rounds=6, least_rounds=4, seconds=3),
    generations=3,
)
