"""What profilers report about a program with known bytes at each site (truth_program.py), compared with memray's full
trace.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from common.intervals import Interval
from common.orders import reason
from spprof.pprof.file import read_bytes
from spprof.pprof.profile import VIEWS, Profile

from peers.charts import Chart, Row
from peers.kept import Unit
from peers.places import HERE
from peers.push_server import PushServer
from peers.run import Run, failures, source_line
from peers.starts import SERVER
from peers.tables import markdown
from peers.variants import Variant, all_variants

PROGRAM = HERE / "truth_program.py"
KNOWN, REFEREE = "known", "memray"
OURS = ("spprof 64, patched", "spprof 512, patched")
SAMPLED = (*OURS, "ddtrace 512", "Pyroscope 512", "scalene")
DRAWN = ("spprof 512, patched", "ddtrace 512", "Pyroscope 512", "scalene")
WORKLOAD = "sites"
MIB = 1 << 20
PATIENCE_SECONDS = 120
ZSTANDARD = b"\x28\xb5\x2f\xfd"
Sites = dict[str, float]
"""Bytes by site."""


@dataclass(frozen=True)
class Truth:
    """The part "truth"."""

    name: str
    generations: int

    def measure(self, run: Run) -> None:
        kept, names = run.kept(self.name), run.names((REFEREE, *SAMPLED))
        for number in range(run.generations_of(self.generations)):
            if not kept.is_done(WORKLOAD, number, names):
                unit = measure_unit(number, names, run.uninstalled)
                kept.add(unit)
                print(f"{self.name}, run {number + 1}: {short_line(unit)}", flush=True)

    def table(self, run: Run) -> str:
        units = run.kept(self.name).units()
        runs = runs_by_name(units)
        if KNOWN not in runs:
            return ""
        known = means(runs[KNOWN])
        total = sum(known.values())
        names = [name for name in (REFEREE, *SAMPLED) if name in runs]
        found = {name: means(runs[name]) for name in names}
        rows = [
            [
                f"`{site}`",
                mib(size),
                *(f"{mib(found[name].get(site, 0))} ({share(found[name], site)})" for name in names),
            ]
            for site, size in known.items()
        ]
        rows.append(["all sites", mib(total), *(mib(sum(found[name].values())) for name in names)])
        judged = reference(runs)
        wrong = [[misplaced(run_, judged) for run_ in runs[name]] for name in names]
        rows.append(
            ["**misplaced, of 100**", "", *(f"{fmean(some):.1f} ({min(some):.1f} – {max(some):.1f})" for some in wrong)]
        )
        return "\n".join(
            [
                "MiB held at the end by the site that allocated them, and the site's share in % of what the profiler "
                f"found at all sites; means of {len(units)} runs. Misplaced: the part that would have to move to "
                "another site to match memray's full trace, half the sum of the differences; the mean and the range.",
                "",
                markdown(["", "known", *names], rows),
                "",
                *failures(units),
                "- scalene's figures are allocated bytes; nothing is freed here except the outgrown arrays of a list.",
                "",
                source_line(self.name, units, run),
            ]
        )

    def chart(self, run: Run) -> Chart | None:
        runs = runs_by_name(run.kept(self.name).units())
        if KNOWN not in runs:
            return None
        truth = reference(runs)
        rows = [
            Row(site, [range_of(runs.get(name, []), site) for name in DRAWN], shares(truth)[site]) for site in truth
        ]
        note = "Share of what each profiler found; the mean and the range of its runs."
        return Chart(
            "Who holds the memory: shares by site", note, "% of the memory", DRAWN, rows, "memray, every allocation"
        )


def shares(sites: Sites) -> Sites:
    """Return each site's share as a percentage."""
    total = sum(sites.values()) or 1
    return {site: 100 * size / total for site, size in sites.items()}


def range_of(runs: Sequence[Sites], site: str) -> Interval | None:
    found = [shares(run)[site] for run in runs]
    return Interval(fmean(found), min(found), max(found)) if found else None


def mib(size: float) -> str:
    return f"{size / MIB:.1f}"


def share(found: Mapping[str, float], site: str) -> str:
    return f"{100 * found.get(site, 0) / (sum(found.values()) or 1):.1f}"


def misplaced(found: Mapping[str, float], truth: Mapping[str, float]) -> float:
    """Return how much of 100 is at the wrong site: half the sum of the differences between the shares."""
    of_found, of_truth = sum(found.values()) or 1, sum(truth.values())
    sites = {*found, *truth}
    return 50 * sum(abs(found.get(site, 0) / of_found - truth.get(site, 0) / of_truth) for site in sites)


def runs_by_name(units: Sequence[Unit]) -> dict[str, list[Sites]]:
    newest: dict[str, dict[int, Sites]] = {}
    for unit in units:
        for name, sites in unit.measured.items():
            newest.setdefault(name, {})[unit.generation] = sites
    return {name: list(by_generation.values()) for name, by_generation in newest.items()}


def reference(runs: Mapping[str, Sequence[Sites]]) -> Sites:
    """Return memray's trace or, without memray, the program's own figures."""
    return means(runs.get(REFEREE) or runs[KNOWN])


def means(runs: Sequence[Sites]) -> Sites:
    return {site: fmean([run.get(site, 0) for run in runs]) for site in runs[0]}


def short_line(unit: Unit) -> str:
    truth = unit.measured.get(REFEREE) or unit.measured.get(KNOWN) or {}
    return "; ".join(
        [
            *(f"{name} misplaces {misplaced(sites, truth):.1f} of 100" for name, sites in unit.measured.items()),
            *(f"{name} fails: {why}" for name, why in unit.failed.items()),
        ]
    )


# ---- A run under one profiler


def measure_unit(number: int, names: Sequence[str], uninstalled: Mapping[str, str]) -> Unit:
    known = {variant.name: variant for variant in all_variants()}
    unit = Unit(WORKLOAD, number, {})
    for name in names:
        variant = known[name]
        if variant.project in uninstalled:
            unit.failed[name] = f"does not install: {uninstalled[variant.project]}"
            continue
        try:
            unit.measured[KNOWN], unit.measured[name] = sites_by(variant)
        except (OSError, ValueError, LookupError, subprocess.CalledProcessError) as error:
            unit.failed[name] = reason(error)
    return unit


def sites_by(variant: Variant) -> tuple[Sites, Sites]:
    """Return the known figures and the profiler's. Raise OSError, CalledProcessError or LookupError if that fails."""
    if variant.name == REFEREE:
        variant = replace(variant, around=(*variant.around[:3], "--trace-python-allocators", *variant.around[3:]))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PushServer()) if variant.start.startswith("pyroscope") else None
        with running(variant, folder, server) as known:
            pushed = server.next_but_one(PATIENCE_SECONDS) if server else []
        return known, found_by(variant, folder, pushed, list(known))


@contextmanager
def running(variant: Variant, folder: Path, server: PushServer | None) -> Iterator[Sites]:
    """Run the program, and yield the known figures once everything is allocated. End the program after the block."""
    command = [word.replace("{folder}", str(folder)) for word in variant.command(str(PROGRAM), str(folder / "out"))]
    variables = {**variant.variables(), "BENCH_ORDERS": str(folder), SERVER: server.address if server else ""}
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            command, env=variables, cwd=folder, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            latest = time.monotonic() + PATIENCE_SECONDS
            while not (folder / "out.known").exists() and process.poll() is None and time.monotonic() < latest:
                time.sleep(0.05)
            if (folder / "out.known").exists():
                known: Sites = json.loads((folder / "out.known").read_text())
                yield known
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                status = process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
        said.seek(0)
        if status or not (folder / "out.known").exists():
            raise subprocess.CalledProcessError(status or 1, command, stderr=said.read())


def found_by(variant: Variant, folder: Path, pushed: Sequence[bytes], sites: Sequence[str]) -> Sites:
    kind = variant.start.partition(":")[0]
    if kind == "spprof":
        return of_profiles([(folder / "out.pb.gz").read_bytes()], sites)
    if kind == "ddtrace":
        return of_profiles([unpacked(file.read_bytes()) for file in folder.glob("ddtrace.*.pprof")], sites)
    if kind == "pyroscope":
        return of_profiles(pushed, sites)
    if variant.name == REFEREE:
        return of_memray(folder / "memray.bin", sites)
    return of_scalene(json.loads((folder / "scalene.json").read_text()), sites)


def unpacked(data: bytes) -> bytes:
    if not data.startswith(ZSTANDARD):
        return data
    import zstandard

    plain: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return plain


def site_of(frames: Iterator[tuple[str, str]], sites: Sequence[str]) -> str | None:
    """Return the innermost function that is one of the sites, or None. A comprehension may be a function inside it.
    Each frame is (function, file).
    """
    for function, file in frames:
        name = function.partition(".")[0]
        if name in sites and file.endswith(PROGRAM.name):
            return name
    return None


def of_profiles(files: Sequence[bytes], sites: Sequence[str]) -> Sites:
    """Return the live bytes in pprof files."""
    found = dict.fromkeys(sites, 0.0)
    for profile in map(read_bytes, files):
        column = next(i for i, value_type in enumerate(profile.sample_types) if value_type in VIEWS["live"])
        for sample in profile.samples:
            site = site_of(frames_of(profile, sample.stack), sites)
            if site:
                found[site] += sample.values[column]
    if not any(found.values()):
        raise LookupError("the profiler found nothing at any site")
    return found


def frames_of(profile: Profile, stack: Sequence[int]) -> Iterator[tuple[str, str]]:
    for location in stack:
        for frame in profile.locations[location].frames:
            yield frame.function, frame.file


def of_memray(file: Path, sites: Sequence[str]) -> Sites:
    """Return what was live at the peak, which is at the end."""
    from memray import FileReader

    found = dict.fromkeys(sites, 0.0)
    with FileReader(str(file)) as reader:
        for record in reader.get_high_watermark_allocation_records(merge_threads=True):
            site = site_of(((function, path) for function, path, _ in record.stack_trace()), sites)
            if site:
                found[site] += record.size
    return found


class Line(NamedTuple):
    """A line of scalene's report."""

    number: int
    allocated_bytes: float


def of_scalene(report: Mapping[str, Any], sites: Sequence[str]) -> Sites:
    """Sum the lines of each function."""
    starts = {
        line.split()[1].partition("(")[0]: number
        for number, line in enumerate(PROGRAM.read_text(encoding="utf-8").splitlines(), start=1)
        if line.startswith("def ")
    }
    lines = [
        Line(line["lineno"], line["n_malloc_mb"] * MIB)
        for path, file in report["files"].items()
        for line in file["lines"]
        if path.endswith(PROGRAM.name)
    ]
    found = dict.fromkeys(sites, 0.0)
    for line in lines:
        function = max(
            (name for name in starts if starts[name] <= line.number), key=lambda name: starts[name], default=""
        )
        if function in found:
            found[function] += line.allocated_bytes
    return found


TRUTH_PART = Truth("truth", generations=5)
