"""The HTML file: its contents, as read by a separate decoder; what its policy permits; how it is requested."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from naive_heap import NaiveHeap, moments, native_frame, python_frame, random_heap
from report_reader import Elements, read, read_page
from spprof import report as report_package
from spprof.analysis.by_site import Tally
from spprof.heap.to_pprof import profile_of
from spprof.pprof.file import read_profile
from spprof.pprof.profile import HEAP_TYPES, Label, Location, Profile, ProfileError, Sample, ValueType
from spprof.report.build import difference_of, report_of
from spprof.report.encode import encode
from spprof.report.model import Report
from spprof.report.notebook import iframe
from spprof.report.page import SCRIPTS, STYLES, written
from spprof.report.places import STANDARD_LIBRARY, is_library, package_of
from test_cli_reports import printed, spprof

PROFILES = Path(__file__).parent / "profiles"
MAIN = python_frame("main", 90, "/srv/app/main.py")
LOAD = python_frame("load", 12, "/srv/app/data/load.py")
PARSE = python_frame("parse", 40, "/usr/lib/python3.11/json/decoder.py")
STACKS = {
    1: (LOAD, MAIN),
    2: (PARSE, LOAD, MAIN),
    3: (native_frame("inflate"), PARSE, LOAD, MAIN),
    4: (LOAD, LOAD, MAIN),
    5: (native_frame("<native>"),),
}
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "--><img src=x onerror=alert(1)>",
    "\"'`&amp;{data}{title}{script}",
    "\u202eabc\u202c\u200f\u2066",
    "]]>\0\n\r\u2028",
    "\u05e9\u05dc\u05d5\u05dd",
)


@pytest.fixture
def heap() -> NaiveHeap:
    return random_heap(3, STACKS)


@pytest.fixture
def file(heap: NaiveHeap, tmp_path: Path) -> Path:
    path = tmp_path / "heap.pb.gz"
    heap.snapshot().save(path)
    return path


def values_by_stack(profile: Profile) -> dict[tuple[tuple[tuple[str, int], ...], str], tuple[int, ...]]:
    """Return what the report must contain, summed in a plain loop."""
    found: dict[tuple[tuple[tuple[str, int], ...], str], list[int]] = {}
    for sample in profile.samples:
        stack = tuple((frame.function, frame.line) for frame in reversed(profile.frames(sample.stack)))
        thread = next(
            (f"thread {label.text}" for label in sample.labels if label.key == "thread"), "no thread recorded"
        )
        sums = found.setdefault((stack, thread), [0] * len(sample.values))
        for at, value in enumerate(sample.values):
            sums[at] += value
    return {key: tuple(sums) for key, sums in found.items()}


# ---- The data


def test_every_stack_and_thread_is_there_with_its_values(heap: NaiveHeap, file: Path, tmp_path: Path):
    heap.snapshot().save(tmp_path / "x.html")
    found = read_page(tmp_path / "x.html")
    assert found.by_stack() == values_by_stack(read_profile(str(file)))
    sums = [sum(column) for column in found.values[0]]
    snapshot = heap.snapshot()
    assert sums[2:4] == [snapshot.estimated_heap_objects, snapshot.estimated_heap_bytes]
    assert sums[4:] == [snapshot.peak.estimated_heap_objects, snapshot.peak.estimated_heap_bytes]


def test_columns_have_names_and_units_and_the_default_comes_first(file: Path):
    found = read(unpacked(report_of(read_profile(str(file)))))
    assert found.header["columns"] == [
        ["allocated", "objects", "count"],
        ["allocated", "bytes", "bytes"],
        ["in use", "objects", "count"],
        ["in use", "bytes", "bytes"],
        ["at the peak", "objects", "count"],
        ["at the peak", "bytes", "bytes"],
    ]
    assert (found.header["first"], found.header["spread"]) == (3, [3, 5])


def test_a_page_opens_on_the_peak_where_nothing_is_live_any_more(heap: NaiveHeap):
    for block in heap.blocks:
        block.live = False
    found = read(unpacked(report_of(profile_of(heap.snapshot()))))
    assert found.header["columns"][found.header["first"]] == ["at the peak", "bytes", "bytes"]
    asked = read(unpacked(report_of(profile_of(heap.snapshot()), "inuse_space")))
    assert asked.header["columns"][asked.header["first"]] == ["in use", "bytes", "bytes"]


def unpacked(report: Report) -> bytes:
    return zlib.decompress(encode(report))


def test_what_intervals_are_made_of_is_that_of_the_snapshot(heap: NaiveHeap):
    found = read(unpacked(report_of(profile_of(heap.snapshot()))))
    for spread, blocks in zip(found.spreads[0], (heap.live(), heap.at_peak())):
        assert sum(row[0] for row in spread) == len(blocks)
        assert sum(row[1] for row in spread) == sum(block.size for block in blocks)
        variance, skewness = moments(blocks)
        assert sum(row[2] for row in spread) == pytest.approx(variance, rel=1e-6)
        assert sum(row[2] * row[3] for row in spread) == pytest.approx(skewness, rel=1e-6)


def test_values_that_were_not_drawn_have_no_samples():
    location = Location((LOAD,), -1, 0)
    samples = [Sample((0,), (1, 700, 1, 700)), Sample((0,), (2, 9, 0, 0))]
    profile = Profile(HEAP_TYPES, [location], samples, default_type="inuse_space", period=512)
    found = read(unpacked(report_of(profile)))
    assert found.spreads[0] == [[(-1, 0, 0.0, 0.0)]]
    assert found.by_stack() == {((("load", 12),), "no thread recorded"): (3, 709, 1, 700)}


def test_negative_and_large_values_survive():
    types = (ValueType("cpu", "nanoseconds"),)
    samples = [Sample((0,), (-(2**50),)), Sample((1,), (2**53 - 1,)), Sample((1, 0), (-1,))]
    profile = Profile(types, [Location((LOAD,), -1, 0), Location((MAIN,), -1, 0)], samples)
    found = read(unpacked(report_of(profile)))
    assert sorted(found.values[0][0]) == [-(2**50), -1, 2**53 - 1]


def test_inlined_calls_are_calls():
    profile = Profile(
        (ValueType("cpu", "nanoseconds"),),
        [Location((LOAD, MAIN), -1, 1), Location((PARSE,), -1, 2)],
        [Sample((1, 0), (5,)), Sample((), (7,))],
    )
    found = read(unpacked(report_of(profile)))
    thread = "no thread recorded"
    assert found.by_stack() == {((("main", 90), ("load", 12), ("parse", 40)), thread): (5,), ((), thread): (7,)}


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ((), "no thread recorded"),
        ((Label("thread", "77"),), "thread 77"),
        ((Label("thread", "MainThread"), Label("thread_id", None, 9)), "MainThread (9)"),
        ((Label("thread", "MainThread"),), "MainThread"),
        ((Label("thread id", None, 7), Label("thread name", "worker")), "worker (7)"),
        ((Label("thread", "a\nb"),), r"a\nb"),
    ],
)
def test_threads_have_names(labels: tuple[Label, ...], name: str):
    profile = Profile((ValueType("samples", "count"),), [Location((LOAD,), -1, 0)], [Sample((0,), (1,), labels)])
    assert report_of(profile).threads == [name]


def test_a_difference_has_both_sides_entry_by_entry():
    old, new = random_heap(1, STACKS).snapshot(), random_heap(2, {1: STACKS[1], 9: (PARSE, MAIN)}).snapshot()
    profiles = profile_of(old), profile_of(new)
    found = read(unpacked(difference_of(*profiles, ["a", "b"])))
    assert [side["name"] for side in found.header["sides"]] == ["a", "b"]
    for side, profile in enumerate(profiles):
        assert {key: row for key, row in found.by_stack(side).items() if any(row)} == values_by_stack(profile)
    assert [[sum(row[0] for row in spread) for spread in side] for side in found.spreads] == [
        [old.live_samples, old.peak.sample_count],
        [new.live_samples, new.peak.sample_count],
    ]


def test_a_difference_of_times_has_what_runs_differ_by():
    profile = read_profile(str(PROFILES / "go-cpu.pb.gz"))
    assert report_of(profile).spread_columns == []
    found = read(unpacked(difference_of(profile, profile, ["a", "b"])))
    tally = Tally(profile, 1)
    assert found.header["spread"] == [1]
    spread = found.spreads[1][0]
    assert sum(row[0] for row in spread) == tally.whole.samples == 26
    assert sum(row[2] for row in spread) == pytest.approx(tally.whole.variance, rel=1e-6)
    assert sum(row[2] * row[3] for row in spread) == pytest.approx(tally.whole.skewness, rel=1e-6)


def test_a_difference_needs_a_type_in_common(file: Path):
    with pytest.raises(ProfileError, match="no sample type in common"):
        difference_of(read_profile(str(file)), read_profile(str(PROFILES / "go-cpu.pb.gz")), ["a", "b"])


def test_places_have_the_short_paths_of_the_command_line(heap: NaiveHeap):
    found = read(unpacked(report_of(profile_of(heap.snapshot()))))
    assert {place[1]: short for place, short in zip(found.places, found.short_files)} == {
        "/srv/app/main.py": "main.py",
        "/srv/app/data/load.py": "data/load.py",
        "/usr/lib/python3.11/json/decoder.py": "python3.11/json/decoder.py",
        **{place[1]: place[1] for place in found.places if not place[1].endswith(".py")},
    }


def test_profiles_of_other_tools_keep_their_units():
    found = report_of(read_profile(str(PROFILES / "go-cpu.pb.gz")))
    assert [(column.measure, column.unit) for column in found.columns] == [("samples", "count"), ("cpu", "nanoseconds")]
    assert (found.spread_columns, found.title) == ([], "CPU profile")
    assert dict(found.facts)["duration"] == "1.28 s"


@pytest.mark.parametrize(
    ("file", "package", "library"),
    [
        ("/srv/shop/cart.py", "shop", False),
        ("cart.py", "cart", False),
        ("/usr/lib/python3.11/json/decoder.py", STANDARD_LIBRARY, True),
        ("<frozen importlib._bootstrap>", STANDARD_LIBRARY, True),
        ("/v/lib/python3.12/site-packages/numpy/core/a.py", "numpy", True),
        ("/v/lib/python3.12/site-packages/six.py", "six", True),
        ("/usr/lib/x86_64-linux-gnu/libz.so.1.2.13", "libz", True),
        ("/srv/shop/_fast.cpython-311-x86_64-linux-gnu.so", "_fast", False),
        ("/root/go/pkg/mod/github.com/x/y/z.go", "y", True),
        ("", "", False),
    ],
)
def test_files_belong_to_packages(file: str, package: str, library: bool):
    assert (package_of(file), is_library(file)) == (package, library)


# ---- The page


def test_the_policy_admits_our_style_and_script_and_nothing_else(heap: NaiveHeap, tmp_path: Path):
    heap.snapshot().save(tmp_path / "x.html")
    elements = Elements((tmp_path / "x.html").read_text())
    metas = [attributes for attributes, _ in elements.named("meta")]
    (policy,) = [str(meta["content"]) for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives.pop("default-src") == "'none'"
    ((_, style),) = elements.named("style")
    (script,) = [text for attributes, text in elements.named("script") if "type" not in attributes]
    for directive, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives.pop(directive) == f"'sha256-{digest}'"
    assert directives == {"base-uri": "'none'", "form-action": "'none'"}
    assert not [a for _, attributes, _ in elements.found for a in attributes if a in ("style", "src") or a[:2] == "on"]


def test_hostile_names_stay_within_the_data(tmp_path: Path):
    heap = NaiveHeap({at: (python_frame(name, 1, name), MAIN) for at, name in enumerate(HOSTILE, 1)})
    heap.stacks[99] = (python_frame("x" * 100_000, 1, "y" * 100_000),)
    for stack_id in heap.stacks:
        heap.add(1000, 0, stack_id)
    profile = profile_of(heap.snapshot(), {"script": HOSTILE[0]})
    (tmp_path / "x.html").write_bytes(b"".join(written(report_of(profile))))
    elements = Elements((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert [text for _, text in elements.named("title")] == [f"Heap profile of {HOSTILE[0]}"]
    assert (len(elements.named("script")), len(elements.named("img"))) == (2, 0)
    functions = {place[0] for place in read_page(tmp_path / "x.html").places}
    assert {HOSTILE[0], HOSTILE[1], HOSTILE[6], "x" * 100_000} <= functions
    assert r"\u202eabc\u202c\u200f\u2066" in functions
    assert (tmp_path / "x.html").stat().st_size < 120_000


def test_the_same_snapshot_gives_the_same_page(heap: NaiveHeap):
    pages = [b"".join(written(report_of(profile_of(heap.snapshot())))) for _ in range(2)]
    assert pages[0] == pages[1]


def test_an_empty_snapshot_is_still_a_page(tmp_path: Path):
    NaiveHeap({}).snapshot().save(tmp_path / "x.html")
    assert read_page(tmp_path / "x.html").entries == []


def test_our_own_code_cannot_end_its_elements():
    folder = Path(report_package.__file__).parent / "assets"
    for name in (*SCRIPTS, *STYLES):
        text = (folder / name).read_text()
        assert not re.search(r"</(script|style)|<!--", text), name
    assert sorted((*SCRIPTS, *STYLES)) == sorted(
        path.name for kind in ("js", "css") for path in folder.glob(f"*.{kind}")
    )


def test_the_title_stands_wherever_the_template_names_it_and_names_of_the_programs_are_left_alone():
    heap = NaiveHeap({1: (python_frame("{data}", 3, "/srv/{title}.py"),)})
    heap.add(1000, 0, 1)
    page = b"".join(written(report_of(profile_of(heap.snapshot(rate=0), {"script": "{whole}.py"})))).decode()
    assert page.count("Heap profile of {whole}.py") == 2
    outside = re.sub(r"(?s)<(script|style)[ >].*?</\1>", "", page)
    assert set(re.findall(r"\{\w+\}", outside)) == {"{whole}", "{data}", "{title}"}
    assert "/srv/{title}.py" in outside or "{title}.py:3" in outside


def test_node_finds_no_fault_in_the_scripts():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing; on Debian and Ubuntu: apt-get install nodejs")
    scripts = sorted((Path(report_package.__file__).parent / "assets").glob("*.js"))
    assert len(scripts) == len(SCRIPTS)
    for path in scripts:
        subprocess.run([node, "--check", path], check=True, capture_output=True)


# ---- How it is requested


def test_flamegraph_writes_the_page_of_the_snapshot(heap: NaiveHeap, file: Path, tmp_path: Path):
    assert printed("flamegraph", file, "-o", tmp_path / "x.html") == ""
    heap.snapshot().save(tmp_path / "direct.html")
    assert (tmp_path / "x.html").read_bytes() == (tmp_path / "direct.html").read_bytes()
    assert (tmp_path / "x.html").stat().st_mode & 0o777 == 0o600
    printed("convert", file, "-o", tmp_path / "converted.html")
    assert (tmp_path / "converted.html").read_bytes() == (tmp_path / "x.html").read_bytes()


def test_flamegraph_shows_the_type_that_was_asked_for(file: Path, tmp_path: Path):
    printed("flamegraph", file, "--sample-type", "alloc_objects", "-o", tmp_path / "x.html")
    assert read_page(tmp_path / "x.html").header["first"] == 0
    finished = spprof("flamegraph", file, "--sample-type", "nope", "-o", tmp_path / "y.html")
    assert (finished.returncode, (tmp_path / "y.html").exists()) == (1, False)
    assert "no sample type 'nope'" in finished.stderr


def test_diff_writes_a_page(file: Path, tmp_path: Path):
    random_heap(4, STACKS).snapshot().save(tmp_path / "new.pb.gz")
    assert printed("diff", file, tmp_path / "new.pb.gz", "--html", tmp_path / "x.html") == ""
    found = read_page(tmp_path / "x.html")
    assert [side["name"] for side in found.header["sides"]] == ["heap.pb.gz", "new.pb.gz"]
    finished = spprof("diff", file, PROFILES / "go-cpu.pb.gz", "--html", tmp_path / "y.html")
    assert (finished.returncode, (tmp_path / "y.html").exists()) == (1, False)


@pytest.mark.parametrize("words", [("flamegraph", "{}", "-o"), ("diff", "{}", "{}", "--html")])
def test_no_page_is_overwritten_without_force(file: Path, tmp_path: Path, words: tuple[str, ...]):
    out = tmp_path / "out.html"
    out.write_text("precious")
    command = [word.format(file) for word in words] + [str(out)]
    refused = spprof(*command)
    assert (refused.returncode, out.read_text()) == (2, "precious")
    assert "already exists; use -f to overwrite it" in refused.stderr
    assert printed(*command, "-f") == ""
    assert out.read_text().startswith("<!doctype html>")


def test_a_notebook_gets_the_page_in_a_frame_that_may_run_scripts_and_nothing_else(heap: NaiveHeap):
    snapshot = heap.snapshot()
    shown = snapshot._repr_html_()
    ((attributes, _),) = Elements(shown).named("iframe")
    assert attributes["sandbox"] == "allow-scripts"
    page = b"".join(written(report_of(profile_of(snapshot)))).decode()
    assert attributes["srcdoc"] == page
    assert attributes["title"] == "Heap profile"
    assert [name for name, _, _ in Elements(shown).found] == ["iframe"]


def test_a_frame_holds_a_hostile_title():
    heap = NaiveHeap({1: (MAIN,)})
    heap.add(10, 0, 1)
    shown = iframe(profile_of(heap.snapshot(), {"script": '"><script>alert(1)</script>'}))
    assert [name for name, _, _ in Elements(shown).found] == ["iframe"]
    assert html.escape('"><script>') in shown
