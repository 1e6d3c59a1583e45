"""Tests bench/peers, the harness that compares spprof with other profilers: its sums and tables, and a complete run."""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
from common import intervals
from common.intervals import Interval
from common.orders import Ordered
from peers import (
    charts,
    costs,
    derived,
    files,
    install,
    live,
    programs,
    push_server,
    rounds,
    run,
    startup,
    steady,
    tables,
    truth,
    variants,
)
from peers.__main__ import PARTS
from peers.kept import Kept, Unit

ROOT = Path(__file__).resolve().parents[2]
NONE, AGAIN = variants.NONE, variants.NONE_AGAIN
OURS = costs.OURS


# ---- Intervals


def noisy(chance: random.Random, shift: float, rounds: int = 8) -> list[float]:
    return [shift + chance.gauss(0, 0.01) for _ in range(rounds)]


def test_a_mean_is_of_the_medians_of_processes() -> None:
    assert intervals.of_groups([[1, 2, 9], [4, 4, 100]]) == 3
    assert intervals.geometric_mean([[[2.0], [2.0]], [[8.0]]]) == pytest.approx(4)


def test_an_interval_widens_with_what_processes_differ_by() -> None:
    """Rounds within one process cannot show the effect of the process's memory layout."""
    chance = random.Random(1)
    alike = intervals.bootstrap([noisy(chance, 1.0) for _ in range(8)])
    apart = intervals.bootstrap([noisy(chance, shift) for shift in (0.96, 0.98, 1.0, 1.0, 1.0, 1.02, 1.04)])
    assert alike.low < alike.middle < alike.high
    assert apart.high - apart.low > 2 * (alike.high - alike.low)


def test_intervals_hold_the_truth_about_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """With eight processes, the bootstrap's coverage is about 90 % instead of 95 %. The seed is fixed."""
    monkeypatch.setattr(intervals, "RESAMPLES", 200)
    chance = random.Random(2)
    missed = 0
    for _ in range(100):
        found = intervals.bootstrap([noisy(chance, 1 + chance.gauss(0, 0.02)) for _ in range(8)])
        missed += not found.low <= 1 <= found.high
    assert 2 <= missed <= 18


def test_equal_measurements_give_equal_intervals() -> None:
    chance = random.Random(3)
    groups = [noisy(chance, 1.0) for _ in range(4)]
    assert intervals.bootstrap(groups) == intervals.bootstrap(groups)
    assert intervals.bootstrap([[1.5, 1.5], [1.5]]) == Interval(1.5, 1.5, 1.5)
    assert intervals.bootstrap_geometric([[[2.0]], [[8.0]]]) == pytest.approx(Interval(4, 4, 4))


# ---- Tables


def test_numbers_have_signs_and_a_minus_of_their_width() -> None:
    assert tables.percent_more(Interval(1.018, 1.014, 1.021)) == "+1.8 (1.4 – 2.1)"
    assert tables.percent_more(Interval(0.99, 0.98, 1.0)) == "−1.0 (−2.0 – 0.0)"
    assert tables.percent_more(Interval(2.41, 2.3, 2.6)) == "×2.4 (2.3 – 2.6)"
    assert tables.minus("-0.000") == "0.000"


def test_a_table_replaces_what_is_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- bench-peers: one -->\nold\n<!-- end -->\nb\n<!-- bench-peers: two -->\n<!-- end -->\nc\n")
    for _ in range(2):
        tables.write_between(page, "one", "| new |\n")
    assert page.read_text() == (
        "a\n<!-- bench-peers: one -->\n\n| new |\n\n<!-- end -->\nb\n<!-- bench-peers: two -->\n<!-- end -->\nc\n"
    )
    with pytest.raises(LookupError, match="bench-peers: three"):
        tables.write_between(page, "three", "")
    assert [file.name for file in tmp_path.iterdir()] == ["page.md"]


def test_the_page_has_a_place_for_each_part() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for part in PARTS:
        assert tables.beginning(part.name) in page


# ---- Kept results


def unit(workload: str, generation: int, **measured: object) -> Unit:
    return Unit(workload, generation, measured, {}, {}, "2000-01-01", "0123456789", "a machine, load average 0.10")


def test_what_is_measured_is_not_measured_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "part", {"sources": "now"})
    kept.add(unit("one", 0, a=1, b=2))
    for again in (kept, Kept(tmp_path, "part", {"sources": "now"})):
        assert again.is_done("one", 0, ["a", "b"])
        assert not again.is_done("one", 0, ["a", "c"])
        assert not again.is_done("one", 1, ["a"])
        assert not again.is_done("two", 0, ["a"])
        assert again.units("one") == [unit("one", 0, a=1, b=2)]


def test_other_sources_and_asking_again_begin_anew(tmp_path: Path) -> None:
    Kept(tmp_path, "part", {"sources": "now"}).add(unit("one", 0, a=1))
    assert Kept(tmp_path, "part", {"sources": "changed"}).units() == []
    assert Kept(tmp_path, "part", {"sources": "now"}, again=True).units() == []


def test_a_variant_measured_later_joins_the_others(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "part", {})
    kept.add(unit("one", 0, a=1))
    kept.add(unit("one", 0, b=1))
    assert kept.is_done("one", 0, ["a", "b"])


def test_a_line_that_was_cut_off_costs_nothing_else(tmp_path: Path) -> None:
    Kept(tmp_path, "part", {}).add(unit("one", 0, a=1))
    with (tmp_path / "part.jsonl").open("a") as file:
        file.write('{"about": {}, "unit": {"work')
    kept = Kept(tmp_path, "part", {})
    kept.add(unit("two", 0, a=1))
    assert [found.workload for found in Kept(tmp_path, "part", {}).units()] == ["one", "two"]


# ---- Sums of slices


def slices(*cpu: int) -> list[list[int]]:
    return [[ns, ns] for ns in cpu]


def test_a_ratio_is_to_the_mean_of_the_two_without_a_profiler_in_its_round() -> None:
    measured = {NONE: slices(90, 100), AGAIN: slices(110, 300), "a": slices(150, 100)}
    assert rounds.ratios(measured, "a") == [1.5, 0.5]
    assert rounds.ratios(measured, AGAIN) == [110 / 90, 3.0]


def run_in(folder: Path) -> run.Run:
    return run.Run(folder, folder / "page.md", folder, {}, False, False, 0, [], [], {})


def cost_unit(workload: str, generation: int, **ratio: float) -> Unit:
    measured = {
        name.replace("_", " "): slices(round(1000 * times), round(1000 * times)) for name, times in ratio.items()
    }
    return unit(workload, generation, **{NONE: slices(1000, 1000), AGAIN: slices(1000, 1000), **measured})


def test_the_table_of_programs_judges_by_the_lower_ends(tmp_path: Path) -> None:
    asked = run_in(tmp_path)
    kept = asked.kept("programs")
    for number in range(3):
        kept.add(cost_unit("pickle", number, **{OURS: 1.01, "ddtrace 512": 1.05, "Pyroscope 512": 1.005}))
        failing = cost_unit("nbody", number, **{OURS: 1.03, "ddtrace 512": 1.05})
        failing.failed["Pyroscope 512"] = "it ended"
        kept.add(failing)
    text = costs.PROGRAMS_PART.table(asked)
    assert "| pickle | 0.0 (0.0 – 0.0) | +1.0 (1.0 – 1.0) | +5.0 (5.0 – 5.0) | +0.5 (0.5 – 0.5) |" in text
    assert "| nbody | 0.0 (0.0 – 0.0) | +3.0 (3.0 – 3.0) | +5.0 (5.0 – 5.0) | fails |" in text
    assert "**+2.0 (2.0 – 2.0)** | **+5.0 (5.0 – 5.0)** | **+0.5 (0.5 – 0.5)**, of 1 |" in text
    assert "- Pyroscope 512 fails: it ended (nbody)" in text
    assert "geometric mean at most +1 %: missed, +2.0" in text
    assert "no program above +2.5 %: missed by nbody +3.0" in text
    assert "Below ddtrace 512 in 2 of 2." in text
    assert "Below Pyroscope 512 in 0 of 1; not in pickle." in text
    assert "`make bench-peers PARTS=programs`, 2000-01-01, commit 0123456789: a machine" in text


def test_worst_cases_have_their_own_bars(tmp_path: Path) -> None:
    asked = run_in(tmp_path)
    asked.kept("worst").add(cost_unit("s += …", 0, **{OURS: 1.021}))
    asked.kept("worst").add(cost_unit("tuples", 0, **{OURS: 1.021}))
    text = costs.WORST_PART.table(asked)
    assert "`s += …` at most +2 %: missed" in text
    assert "`tuples` at most +2.5 %: holds" in text


def test_what_failed_and_then_worked_is_no_failure() -> None:
    failed = unit("one", 0)
    failed.failed["a"] = "it ended"
    assert run.failures([failed]) == ["- a fails: it ended (one)"]
    assert run.failures([failed, unit("one", 0, a=1)]) == []


def test_steady_loads_are_in_percent_of_a_core_beside_the_bars(tmp_path: Path) -> None:
    asked = run_in(tmp_path)
    kept = asked.kept("steady")
    loop = steady.MILLISECONDS * steady.NS_A_MS
    base = slices(loop // 100, loop // 100)
    ours = {name: slices(loop // 100 + loop // 1000, loop // 100 + loop // 1000) for name in ("empty preload", OURS)}
    for number in range(2):
        kept.add(unit("c_1k", number, **{NONE: base, AGAIN: base, **ours, "spprof 1024, patched": ours[OURS]}))
        kept.add(unit("c_100", number, **{NONE: base, AGAIN: base, **ours}))
    basis = derived.Basis({"patched": 20, "preloaded": 20, "empty preload": 10}, {"patched": 5, "preloaded": 5}, 0.1, 2)
    kept.add(unit(derived.NAME, 0, **{derived.NAME: basis._asdict()}))
    text = steady.STEADY_PART.table(asked)
    # 100 000 calls per second at 20 instructions of 0.1 ns, and 190.7 samples per second at 2 µs
    assert f"| {OURS} | +0.100 (0.100 – 0.100) | 0.058 | +0.100 (0.100 – 0.100) | 0.238 |" in text
    assert "0.05 % at 1024 KiB: missed by spprof 1024, patched: +0.100 (0.100 – 0.100), at most 0.05." in text
    assert "at most 0.3 % beyond an empty preload: all hold." in text


def test_what_is_misplaced_is_half_the_sum_of_differences() -> None:
    assert truth.misplaced({"a": 30, "b": 10}, {"a": 2, "b": 2}) == 25
    assert truth.misplaced({"a": 1}, {"b": 1}) == 100
    assert truth.site_of(
        iter([("<listcomp>", "truth_program.py"), ("pairs.<locals>.f", "/x/truth_program.py")]), ["pairs"]
    )
    assert truth.site_of(iter([("pairs", "another.py")]), ["pairs"]) is None


def test_live_samples_are_compared_slice_by_slice(tmp_path: Path) -> None:
    asked = run_in(tmp_path)
    few, many = [[8.0, 6.0], [80.0, 60.0]], [[9.0, 6.4], [90.0, 64.0]]
    asked.kept("live").add(unit(live.WORKLOAD, 0, **{"1000": few, "10000000": many}))
    text = live.LIVE_PART.table(asked)
    assert "| 1,000 | 44.00 | 33.00 | |" in text
    assert "| 10,000,000 | 49.50 | 35.20 | +10.0 (10.0 – 10.0) |" in text


def test_starting_is_compared_with_plain_python_of_the_same_round(tmp_path: Path) -> None:
    asked = run_in(tmp_path)
    for number in range(3):
        plain, ours = [10.0 + number, 20.0], [50.0 + number, 90.0]
        asked.kept("startup").add(unit(startup.WORKLOAD, number, **{startup.PLAIN: plain, "spprof run empty.py": ours}))
    text = startup.STARTUP_PART.table(asked)
    assert "| `spprof run empty.py` | +40.0 (40.0 – 40.0) | 90 |" in text
    assert f"| `{startup.PLAIN}` | 11.0 by itself | 20 |" in text
    assert "| `scalene run empty.py` | fails | |" in text
    assert "`spprof run empty.py` at most 40 ms: holds, +40.0 (40.0 – 40.0)." in text


def test_lines_of_another_benchmark_become_rows() -> None:
    printed = (
        "pprof written                   0.96 s (0.90 s CPU)\nmemray table                unavailable: no wheel\n\n"
    )
    assert files.lines_of(printed) == {"pprof written": "0.96 s (0.90 s CPU)", "memray table": "unavailable: no wheel"}


# ---- Workers


@pytest.fixture
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """No load in these tests needs compiled files."""
    monkeypatch.setattr(variants, "_compiled", variants.Compiled("none", "none", "none", "none"))


PLAN = rounds.Plan(slice_ms=0.1, loops=0, rounds=3, least_rounds=3, seconds=0)


@pytest.mark.usefixtures("without_compiler")
def test_variants_that_fail_are_named_and_the_others_measured() -> None:
    none, again = variants.Variant(NONE), variants.Variant(AGAIN)
    ends = variants.Variant("ends", around=("-c", "raise SystemExit('no such profiler')"))
    ends_later = variants.Variant("ends later", around=("-c", ENDS_LATER))
    absent = variants.Variant("absent", project="absent")
    found = rounds.generation([none, ends, again, absent, ends_later], "worst/object()", PLAN, {"absent": "no wheel"})
    assert found.failed == {
        "ends": "no such profiler",
        "absent": "does not install: no wheel",
        "ends later": "out of orders",
    }
    assert {name: len(taken) for name, taken in found.measured.items()} == {NONE: 3, AGAIN: 3}


ENDS_LATER = """
import os, sys
folder = os.environ["BENCH_ORDERS"]
answers, orders = open(folder + "/answers", "w", buffering=1), open(folder + "/orders")
answers.write("1\\n")
for _ in range(3):
    orders.readline()
    answers.write("[1000, 1000]\\n")
sys.exit("out of orders")
"""


@pytest.mark.usefixtures("without_compiler")
def test_a_workload_that_fails_by_itself_is_a_row() -> None:
    found = costs.measure_unit("worst", "no such", 0, ["empty preload"], PLAN, {})
    assert found.measured == {}
    assert found.failed == {"empty preload": "the workload itself fails: none: KeyError: 'no such'"}


def test_a_variant_that_is_slower_does_fewer_loops() -> None:
    cost = {NONE: 100_000, AGAIN: 100_000, "slow": 1_000_000, "slowest": 100_000_000, "fast": 120_000}

    class Fake(rounds.Workers):
        def names(self) -> list[str]:
            return list(cost)

        def slice(self, name: str, loops: int) -> rounds.Slice:
            return [cost[name], cost[name]]

    plan = rounds.Plan(slice_ms=10, loops=0, rounds=1, least_rounds=1, seconds=0)
    found = {name: tuple(loops) for name, loops in rounds.loops_by_name(Fake(), plan).items()}
    whole = (100, False)
    assert found == {NONE: whole, AGAIN: whole, "slow": (30, False), "slowest": (1, True), "fast": whole}


def test_a_variant_whose_one_loop_is_too_long_takes_part_in_the_first_rounds() -> None:
    class Fake(rounds.Workers):
        def names(self) -> list[str]:
            return [NONE, AGAIN, "slowest"]

        def slice(self, name: str, loops: int) -> rounds.Slice:
            return [loops, loops]

    loops = {NONE: rounds.Loops(2), AGAIN: rounds.Loops(2), "slowest": rounds.Loops(1, is_slow=True)}
    taken = rounds.take_rounds(Fake(), loops, rounds.Plan(10, 0, rounds=5, least_rounds=5, seconds=0))
    assert {name: len(slices) for name, slices in taken.items()} == {NONE: 5, AGAIN: 5, "slowest": 2}
    assert rounds.ratios(taken, "slowest") == [0.5, 0.5]


def test_what_a_program_said_last_is_why_it_ended() -> None:
    with Ordered([sys.executable, "-c", "print('first'); print('last')"], dict(os.environ), 60) as ordered:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            ordered.answer()
        folder = ordered.folder
    assert caught.value.stderr.splitlines()[-1] == b"last"
    assert not folder.exists()


# ---- The rest


def test_a_busy_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    main = importlib.import_module("peers.__main__")
    monkeypatch.setattr(main, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(main, "load_per_core", lambda: main.MOST_LOAD)
    main.wait_for_quiet()
    monkeypatch.setattr(main, "load_per_core", lambda: main.MOST_LOAD + 0.01)
    with pytest.raises(SystemExit, match="ANYWAY=1"):
        main.wait_for_quiet()


def test_a_part_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    main = importlib.import_module("peers.__main__")
    monkeypatch.setattr(main, "PARTS", [costs.PROGRAMS_PART])
    monkeypatch.setattr(main, "run_of", lambda _: pytest.fail("it began"))
    with pytest.raises(SystemExit, match="unknown part stedy: choose from programs"):
        main.main(["stedy"])


def test_requirements_are_exact_and_each_says_why() -> None:
    text = install.REQUIREMENTS.read_text()
    found = install.requirements(text)
    assert {"memray", "scalene", "ddtrace", "pyroscope-io", "pyperformance", "numpy"} <= found.keys()
    for line in text.splitlines():
        assert not line or line.startswith("#") or ("==" in line and "  # " in line), line
    of_variants = {variant.project for variant in (variants.Variant("x", project="memray"),)}
    assert of_variants <= found.keys()


def test_pips_error_is_told_instead_of_its_advice() -> None:
    assert install.reason_of_pip("warning\nERROR: No matching distribution\n[notice] upgrade pip\n") == (
        "ERROR: No matching distribution"
    )
    assert install.reason_of_pip("") == "pip printed nothing"


def test_inputs_are_shortened_to_something_whole(tmp_path: Path) -> None:
    assert programs.shortened([1, 2, 3], 2) == [1, 2]
    assert programs.shortened("a text", 3) == "a text"
    (tmp_path / "a.toml").write_text("[a]\nb = 1\n[c]\nd = 1\n")
    shorter = programs.shortened(tmp_path / "a.toml", 15)
    assert isinstance(shorter, Path)
    assert shorter.read_text() == "[a]\nb = 1\n"


@pytest.fixture
def server() -> Iterator[push_server.PushServer]:
    with push_server.PushServer() as started:
        yield started


def message(number: int, inner: bytes) -> bytes:
    return bytes([number << 3 | 2, len(inner)]) + inner


def test_pushed_profiles_are_kept(server: push_server.PushServer) -> None:
    def push(number: int) -> None:
        sample = message(1, number.to_bytes(4, "big")) + message(2, b"id")
        request = message(1, message(1, b"label") + message(2, sample))
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/proto"}
        asked = urllib.request.Request(server.address, gzip.compress(request), headers)
        urllib.request.urlopen(asked, timeout=60).close()

    def push_on() -> None:
        numbers = itertools.count(1)
        while not found.is_set():
            push(next(numbers))

    push(0)
    with pytest.raises(TimeoutError):
        server.next_but_one(0)
    found = threading.Event()
    pusher = threading.Thread(target=push_on)
    pusher.start()
    try:
        newest = server.next_but_one(60)
    finally:
        found.set()
        pusher.join()
    assert [int.from_bytes(pushed, "big") >= 2 for pushed in newest] == [True]
    assert push_server.profiles(message(1, message(2, message(1, b"one") + message(1, b"two")))) == [b"one", b"two"]


def test_a_chart_shows_every_point_inside_its_frame() -> None:
    rows = [
        charts.Row("a < b", [Interval(-3, -4, -1), Interval(12, 11, 40)], truth=7, is_strong=True),
        charts.Row("c", [Interval(0, 0, 0), None]),
    ]
    root = ElementTree.fromstring(charts.svg(charts.Chart("Title & co", "note", "%", ["one", "two"], rows, "truth")))
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title") == "Title & co"
    names = [found.text for found in root.iter(f"{space}text")]
    assert {"a < b", "c", "one", "two", "truth", "0", "−10", "40"} <= set(names)
    points = [found for found in root.iter(f"{space}circle") if float(found.get("cx", "0")) > charts.LABELS - 1]
    assert len(points) == 3
    assert all(float(found.get("cx", "0")) <= charts.WIDTH - charts.RIGHT for found in points)
    assert float(root.get("height", "0")) > max(float(found.get("cy", "0")) for found in points)
    assert "prefers-color-scheme: dark" in charts.STYLE


@pytest.mark.parametrize(("values", "step"), [([0.4], 0.1), ([3.0], 0.5), ([-5.0, 40.0], 10), ([0.0], 0.2)])
def test_an_axis_has_round_steps_and_zero(values: list[float], step: float) -> None:
    scale = charts.Scale(values)
    assert scale.step == pytest.approx(step)
    assert any(abs(tick) < step / 100 for tick in scale.ticks())
    assert scale.ticks()[0] <= min(values)
    assert scale.ticks()[-1] >= max(values)


@pytest.mark.packaging
@pytest.mark.nightly
def test_everything_runs() -> None:
    """The figures of this run are meaningless: two workloads from each part, two rounds each."""
    asked = ["make", "bench-peers", f"PYTHON={sys.executable}", "QUICK=1", "AGAIN=1"]
    ran = subprocess.run(asked, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert "fails" not in ran.stdout
    written = ROOT / "build" / "bench" / "peers" / "quick"
    page = (written / "benchmarks.md").read_text()
    for part in PARTS:
        assert f"PARTS={part.name} QUICK=1" in page
        assert all(json.loads(line) for line in (written / f"{part.name}.jsonl").read_text().splitlines())
    for chart in ("programs", "truth"):
        ElementTree.parse(written / f"bench-{chart}.svg")
