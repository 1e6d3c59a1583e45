"""The page's script and the package compute the same intervals and write the same numbers."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import spprof.report
from spprof import estimate
from spprof.analysis.diff import change
from spprof.analysis.estimate import highest_ends
from spprof.analysis.sample_weights import weight
from spprof.analysis.sites import Choice, Sums
from spprof.text import amount, share_text

SCRIPT = Path(spprof.report.__file__).parent / "assets" / "numbers.js"

# The page reads its sums from the file in the form of Spread: one entry of samples, seen, variance and lean.
ASK = """
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const sum = ({ value, samples, seen, variance, lean, renewed, choice }) => {
  const made = new Sum(), spread = { samples: [samples], seen: [seen], variance: [variance], lean: [lean] };
  Object.assign(spread, { renewed: [renewed], choice });
  made.add(spread, [value], 0);
  return made;
};
process.stdout.write(JSON.stringify({
  intervals: cases.sums.map(([one, unseen]) => sum(one).interval({ unseen })),
  differences: cases.pairs.map(([old, now]) => differenceInterval(sum(old), sum(now))),
  amounts: cases.amounts.map(([value, unit]) => amount(value, unit)),
  shares: cases.shares.map(([part, whole]) => percent(part, whole)),
}));
"""


def answers(**cases: Any) -> dict[str, list[Any]]:
    """Return the results of the page's functions for these cases."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing; on Debian and Ubuntu: apt-get install nodejs")
    cases = {"sums": [], "pairs": [], "amounts": [], "shares": [], **cases}
    finished = subprocess.run(
        [node, "-e", SCRIPT.read_text() + ASK], input=json.dumps(cases), stdout=subprocess.PIPE, check=True, text=True
    )
    told: dict[str, list[Any]] = json.loads(finished.stdout)
    return told


def random_sums(chance: random.Random) -> Sums:
    """Return the sums of some blocks of several sizes, drawn at one rate. The estimate is an integer, as in files."""
    sums = Sums()
    rate = chance.choice((4096, 65536, 524288))
    for _ in range(chance.randrange(4)):
        sums.add(weight(chance.choice((16, 600, 5000, 400_000, 80_000_000)), rate).sums, chance.randrange(1, 40))
    sums.fixed = sums.value * 256
    return sums


def at_a_peak(chance: random.Random, sums: Sums) -> Sums:
    """Return the same sums as a part of a peak, which is the highest of several points in time."""
    sums.renewed = chance.random() * sums.variance
    sums.chosen_among = Choice(chance.choice((0.3, 5.0, 1000.0)), sums.renewed * chance.uniform(1.0, 4.0) + 1.0)
    return sums


def as_entry(sums: Sums) -> dict[str, object]:
    choice = sums.chosen_among
    return {
        "renewed": sums.renewed,
        "choice": choice and [*highest_ends(choice.renewals), choice.renewed],
        "value": sums.value,
        "samples": sums.samples,
        "seen": sums.seen,
        "variance": sums.variance,
        "lean": sums.skewness / sums.variance if sums.variance else 0.0,
    }


def share_of(sums: Sums) -> float:
    choice = sums.chosen_among
    if choice is None or not sums.renewed:
        return 0.0
    return min(float(sums.renewed / math.sqrt(sums.variance * choice.renewed)), 1.0)


def test_intervals_are_the_same() -> None:
    chance = random.Random(14)
    cases = [(random_sums(chance), chance.choice((0, 65536))) for _ in range(500)]
    cases += [(at_a_peak(chance, random_sums(chance)), chance.choice((0, 65536))) for _ in range(500)]
    told = answers(sums=[(as_entry(sums), rate and estimate.unseen_bytes(rate)) for sums, rate in cases])["intervals"]
    for (sums, rate), ends in zip(cases, told):
        inputs = sums.value, sums.variance, sums.skewness, sums.seen
        low_end = (sums.chosen_among.renewals, share_of(sums)) if sums.chosen_among else (0.0, 0.0)
        expected = (
            estimate.heap_interval(*inputs, rate, 0.95, *low_end)
            if rate
            else estimate.interval(*inputs, 0.95, *low_end)
        )
        assert ends == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_intervals_of_a_difference_are_the_same() -> None:
    """Ten samples compared with twenty are included, because the page once corrected for the variance of both sides
    there.
    """
    chance = random.Random(15)
    pairs = [(random_sums(chance), random_sums(chance)) for _ in range(500)]
    ten, twenty = Sums(), Sums()
    ten.add(weight(600, 524288).sums, 10)
    twenty.add(weight(600, 524288).sums, 20)
    ten.fixed, twenty.fixed = ten.value * 256, twenty.value * 256
    pairs += [(ten, twenty), (twenty, ten)]
    told = answers(pairs=[(as_entry(old), as_entry(now)) for old, now in pairs if old.value and now.value])
    both = [(old, now) for old, now in pairs if old.value and now.value]
    assert len(both) > 200
    for (old, now), ends in zip(both, told["differences"]):
        expected = estimate.runs_difference_interval(now.value - old.value, now.spread, old.spread)
        assert ends == pytest.approx(expected, rel=1e-9, abs=1e-6)
        one = change(old, now)
        assert one.interval is not None
        assert one.is_significant == (ends[0] > 0 or ends[1] < 0)


def test_amounts_are_written_the_same() -> None:
    chance = random.Random(16)
    edges = [0, 1, 999, 1000, 1023, 1024, 1280, 1450, 1075, 10**6 - 1, 10**9 - 1, 2**20 - 1, 2**20 - 52, 2**30 - 1]
    values = [*edges, *(chance.randrange(10 ** chance.randrange(1, 14)) for _ in range(2000))]
    units = ("bytes", "count", "nanoseconds", "microseconds", "milliseconds")
    cases = [(sign * value, unit) for value in values for unit in units for sign in (1, -1)]
    told = answers(amounts=cases)["amounts"]
    assert [text.replace("−", "-") for text in told] == [amount(*case) for case in cases]


def test_shares_are_written_the_same() -> None:
    chance = random.Random(17)
    cases = [(0, 0), (0, 10), (1, 10**6), (1, 2000), (999_499, 10**6), (999_500, 10**6), (1, 1), (3, 2), (-1, 8)]
    cases += [(chance.randrange(10**6), chance.randrange(1, 10**6)) for _ in range(2000)]
    told = answers(shares=cases)["shares"]
    assert [text.replace("−", "-") for text in told] == [share_text(*case) for case in cases]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "bytes", "0 B"),
        (1023, "bytes", "1023 B"),
        (1024, "bytes", "1.0 KiB"),
        (1280, "bytes", "1.3 KiB"),
        (2**20 - 1, "bytes", "1.0 MiB"),
        (-(3 << 30), "bytes", "-3.0 GiB"),
        (2000 << 40, "bytes", "2000.0 TiB"),
        (322289, "count", "322,289"),
        (17, "nanoseconds", "17 ns"),
        (17_000, "nanoseconds", "17.0 µs"),
        (999_960_000, "nanoseconds", "1.00 s"),
        (99_994_999_999, "nanoseconds", "99.99 s"),
        (99_996_000_000, "nanoseconds", "100 s"),
        (3_600_000, "milliseconds", "3,600 s"),
    ],
)
def test_amounts_are_written_in_binary_units_and_half_up(value: int, unit: str, text: str) -> None:
    assert amount(value, unit) == text
