"""Judges thousands of programs of each kind with ``spprof.analysis.growth``: how many steady ones are called growing,
how many samples of a leak are needed to find it, and how often the interval of the rate contains the true value.

    python tests/nightly/sweep_growth.py [KIND...]       into tests/nightly/GROWTH.md, if all kinds are run

Each batch has its own seeds and is kept in ``build/growth``, so that an interrupted sweep can resume.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import platform
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

import growing_sites  # noqa: E402
import numpy as np  # noqa: E402
from spprof.analysis import growth  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "GROWTH.md"
SOURCES = [Path(growth.__file__), Path(growing_sites.__file__), Path(__file__)]
KEPT = ROOT / "build" / "growth"

BATCH = 250
STEADY_BATCHES = 12
LEAK_BATCHES = 24
SAMPLES = (5.0, 150.0)
LRU_SAMPLES = (8.0, 20.0, 50.0)
LEAKED = (10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 24.0, 32.0)
EVERY, KEEP = 10.0, 60
LASTS = (595.0, 625.0, 1195.0, 3000.0)
"""The lengths of the series, in seconds. With a snapshot every 10 s, 60, 32, 60 and 38 snapshots are still kept at the
end.
"""

STEADY = ["steady", "steady, long-lived", "FIFO", "FIFO, new", "random eviction", "random eviction, new"]
STEADY += ["LRU", "LRU, new", "daily wave"]
FILLING = ["FIFO, full late", "random eviction, full late", "slowly filling"]
LEAKS = ["leak of 1 %", "leak of 5 %", "leak of 20 %", "leak of everything"]

ALARMS_MOST = 0.05
POWER = 0.9
IDEAL_MOST = 4.0
HELD = (0.93, 0.97)

HEAD = """# Verdicts and rates of growth

`make growth-long` writes this table. `tests/helpers/growing_sites.py` draws random programs, {batch} to a batch. Each
is a series of snapshots 10 s apart, of which at most 60 are kept, by doubling their distance. The sampling interval is
512 KiB. Half of the batches have blocks of 400 bytes, the other half have blocks of 200 bytes to 1 MiB, and LRU caches
have blocks of 48 KiB. Steady programs have 5 to 150 live samples.

- *New* caches begin with the series and are full within the first third of it, *full late* ones within the middle
  third; the others are older than the series.
- Waves have a period of a fifth of a day to ten days, with blocks that live for half a minute to two hours.
- *Too low*: the whole interval is below the rate. *Too high*: the whole interval is above it.

[docs/sampling.md](../../docs/sampling.md#growth) derives the method.

"""


def ideal_told() -> float:
    """Return how many samples of a leak a test needs if the only unknown is which of the two programs it is given."""
    return math.log(POWER / ALARMS_MOST) / (1.0 - growth._LATE)


def ideal_untold() -> float:
    """Return how many samples a test needs if it also does not know how many to expect."""

    def power(mean: float) -> float:
        chances = [math.exp(-mean + number * math.log(mean) - math.lgamma(number + 1)) for number in range(200)]
        return sum(chance * min(1.0, ALARMS_MOST * 2.0**number) for number, chance in enumerate(chances))

    mean = 1.0
    while power(mean) < POWER:
        mean += 0.01
    return mean / (1.0 - growth._LATE)


# ---- Batches


def run(kind: str, number: int) -> list[dict[str, Any]]:
    """For each run, return its verdict, its samples, and the position of the true rate relative to the interval."""
    rng = np.random.default_rng([ord(letter) for letter in kind] + [number])
    times = growing_sites.thinned(LASTS[number % len(LASTS)], EVERY, KEEP)
    if kind.startswith("LRU"):
        expected = np.full(BATCH, LRU_SAMPLES[number % len(LRU_SAMPLES)])
        series = growing_sites.lru_series(rng, expected[0], times, BATCH, 0.0 if "new" in kind else -1.0)
    else:
        if kind in LEAKS:
            expected = np.resize(np.array(LEAKED), BATCH)
        else:
            expected = SAMPLES[0] * (SAMPLES[1] / SAMPLES[0]) ** rng.random(BATCH)
        sizes = growing_sites.MIXED if number % 2 else growing_sites.ONE_SIZE
        series = growing_sites.series(rng, growing_sites.SITES[kind], expected, times, sizes)
    told = {one.line: one for one in growth.growth(series.moments, growing_sites.RATE).sites}
    found = []
    for index in range(BATCH):
        one = told.get(index)
        row = {"expected": float(expected[index]), "live": int(series.samples[index]), "verdict": None, "where": None}
        if one is not None:
            slope = series.slopes[index]
            row["verdict"] = one.verdict
            row["where"] = "above" if slope > one.high else "below" if slope < one.low else "inside"
        found.append(row)
    return found


def runs_of(kind: str) -> list[dict[str, Any]]:
    """Return all batches of a kind, including those from earlier sweeps."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()[:12]
    folder = KEPT / digest
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(LEAK_BATCHES if kind in LEAKS else STEADY_BATCHES):
        file = folder / f"{kind}.{number}.json"
        if not file.exists():
            new = file.with_suffix(".new")
            new.write_text(json.dumps(run(kind, number)), encoding="utf-8")
            new.replace(file)
        found += json.loads(file.read_text(encoding="utf-8"))
    return found


# ---- The tables


def between(hits: int, tries: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    z = 1.96
    middle, reach = hits + z * z / 2.0, z * math.sqrt(hits * (tries - hits) / tries + z * z / 4.0)
    return (middle - reach) / (tries + z * z), (middle + reach) / (tries + z * z)


def held_in(rows: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Return the shares of true rates inside the interval, above it and below it."""
    where = Counter(row["where"] for row in rows if row["where"])
    listed = sum(where.values())
    return where["inside"] / listed, where["above"] / listed, where["below"] / listed


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def kind_line(kind: str, rows: list[dict[str, Any]]) -> str:
    counts, tries = Counter(row["verdict"] for row in rows), len(rows)
    ends = between(counts["growing"], tries)
    shares = [f"{100 * counts[name] / tries:.1f}" for name in ("filling", "steady", "unknown")]
    growing = f"{100 * counts['growing'] / tries:.2f} ({100 * ends[0]:.2f} to {100 * ends[1]:.2f})"
    return line(kind, f"{tries:,}", growing, *shares, *(f"{100 * share:.1f}" for share in held_in(rows)))


def powers(rows: list[dict[str, Any]]) -> dict[float, float]:
    """Return the share of runs called growing, keyed by the number of expected samples."""
    of: dict[float, list[bool]] = {}
    for row in rows:
        of.setdefault(row["expected"], []).append(row["verdict"] == "growing")
    return {expected: sum(found) / len(found) for expected, found in sorted(of.items())}


def needed(power: dict[float, float]) -> float:
    """Return the number of samples from which on 90 % of the leaks are found."""
    enough = math.inf
    for expected in sorted(power, reverse=True):
        if power[expected] < POWER:
            break
        enough = expected
    return enough


def main() -> None:
    chosen = sys.argv[1:] or STEADY + FILLING + LEAKS
    of = {}
    for kind in chosen:
        of[kind] = runs_of(kind)
        print(kind_line(kind, of[kind]), flush=True)
    wrong = []
    for kind, rows in of.items():
        alarms = sum(row["verdict"] == "growing" for row in rows) / len(rows)
        if kind in STEADY and alarms > ALARMS_MOST:
            wrong.append(f"{kind}: {100 * alarms:.1f} % are called growing")
        if not HELD[0] <= held_in(rows)[0] <= HELD[1]:
            wrong.append(f"{kind}: {100 * held_in(rows)[0]:.1f} % of the intervals hold the rate")
    told, untold = ideal_told(), ideal_untold()
    leaks = {kind: powers(of[kind]) for kind in LEAKS if kind in of}
    for kind, power in leaks.items():
        if needed(power) > IDEAL_MOST * told:
            wrong.append(f"{kind}: {needed(power)} samples are needed")
    columns = ["program", "runs", "growing, %", "filling, %", "steady, %", "unknown, %"]
    columns += ["rates held, %", "too low, %", "too high, %"]
    lines = [line(*columns), "|---|" + "---:|" * (len(columns) - 1), *(kind_line(*one) for one in of.items()), ""]
    if leaks:
        lines += [
            "The percentage of leaks that are called growing, by the number of the leak's samples expected at the",
            f"end. A test that knows everything except which of two programs it sees needs {told:.1f} samples; one",
            f"that does not know the expected number needs {untold:.1f}",
            "([derivation](../../docs/sampling.md#growth)).",
            "",
            line("leak", *(f"{count:.0f}" for count in LEAKED), "90 % from", "times the ideal"),
            "|---|" + "---:|" * (len(LEAKED) + 2),
        ]
        for kind, power in leaks.items():
            enough = needed(power)
            cells = [f"{100 * share:.1f}" for share in power.values()]
            lines.append(line(kind, *cells, f"{enough:.0f}", f"{enough / told:.1f}"))
        lines.append("")
    when = f"{datetime.date.today().isoformat()}, CPython {platform.python_version()}: {len(wrong)} faults.\n\n"
    print(when, *lines, *wrong, sep="\n")
    if not sys.argv[1:]:
        TABLE.write_text(HEAD.format(batch=BATCH) + when + "\n".join(lines), encoding="utf-8")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
