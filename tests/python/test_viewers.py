"""The standard viewers, given our files: go tool pprof, npm's pprof-format and speedscope, the latter in Chromium.

Marked `viewers`, run by `make viewers`. If a viewer is missing, its name is printed with the command that installs it.
npm packages are installed into build/viewers.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from naive_cpu import MAIN_ID, NaiveCpu, random_cpu
from naive_heap import native_frame, python_frame, random_heap
from spprof.heap.snapshot import HeapSnapshot
from viewers import ROOT, browser_program, output_of, program

pytestmark = pytest.mark.viewers

MAIN, LOAD, PARSE = python_frame("<module>", 90), python_frame("load", 12), python_frame("Parser.parse", 40)
STACKS = {1: (LOAD, MAIN), 2: (PARSE, LOAD, MAIN), 3: (native_frame("inflate", 0x7F0000001234), PARSE, MAIN)}


@pytest.fixture
def snapshot() -> HeapSnapshot:
    return random_heap(11, STACKS).snapshot()


@pytest.fixture
def cpu() -> NaiveCpu:
    return random_cpu(11, STACKS)


def sums(snapshot: HeapSnapshot) -> list[int]:
    """Return the totals of objects and bytes in the order of the file: allocated, live, at peak."""
    totals = snapshot.site_totals()
    fixed_bytes, fixed_objects = sum(site[3] for site in totals), sum(site[4] for site in totals)
    allocated = [round(fixed_objects / 4096), round(fixed_bytes / 256)]
    held = (snapshot, snapshot.peak)
    return allocated + [one for each in held for one in (each.estimated_heap_objects, each.estimated_heap_bytes)]


# ---- go tool pprof


def pprof(*words: str | Path) -> str:
    return output_of(program("go", "golang-go"), "tool", "pprof", *words)


def total_shown(top: str) -> int:
    found = re.search(r"of (-?\d+)B total|nodes accounting for (-?\d+)B?, 100%", top)
    assert found, top
    return int(found[1] or found[2])


@pytest.mark.parametrize("which", ["alloc_space", "inuse_space", "peak_space"])
def test_go_tool_pprof_shows_our_totals(snapshot: HeapSnapshot, tmp_path: Path, which: str):
    snapshot.save(tmp_path / "heap.pb.gz")
    top = pprof("-top", "-unit=B", "-nodefraction=0", f"-sample_index={which}", tmp_path / "heap.pb.gz")
    assert f"Type: {which}" in top
    assert total_shown(top) == sums(snapshot)[{"alloc_space": 1, "inuse_space": 3, "peak_space": 5}[which]]
    assert {"load", "Parser.parse", "inflate", "<module>"} == {line.split()[-1] for line in top.splitlines()[-4:]}


def test_go_tool_pprof_shows_bytes_in_use_unless_told(snapshot: HeapSnapshot, tmp_path: Path):
    snapshot.save(tmp_path / "heap.pb.gz")
    assert "Type: inuse_space" in pprof("-top", tmp_path / "heap.pb.gz")


def test_go_tool_pprof_reads_every_value_and_label(snapshot: HeapSnapshot, tmp_path: Path):
    snapshot.save(tmp_path / "heap.pb.gz")
    raw = pprof("-raw", tmp_path / "heap.pb.gz")
    assert "PeriodType: space bytes\nPeriod: 4096\n" in raw
    assert "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt] peak_objects/count" in raw
    rows = re.findall(r"^" + r" +(\d+)" * 6 + ": ", raw, re.MULTILINE)
    assert [sum(map(int, column)) for column in zip(*rows)] == sums(snapshot)
    assert "bytes:[" in raw
    assert "thread:[77]" in raw
    assert "Parser.parse /app/module.py:40" in raw


def test_go_tool_pprof_subtracts_our_files(snapshot: HeapSnapshot, tmp_path: Path):
    before = random_heap(12, STACKS).snapshot()
    before.save(tmp_path / "old.pb.gz")
    snapshot.save(tmp_path / "new.pb.gz")
    raw = pprof("-raw", "-diff_base", tmp_path / "old.pb.gz", tmp_path / "new.pb.gz")
    rows = re.findall(r"^" + r" +(-?\d+)" * 6 + ": ", raw, re.MULTILINE)
    differences = [new - old for new, old in zip(sums(snapshot), sums(before))]
    assert [sum(map(int, column)) for column in zip(*rows)] == differences


def test_go_tool_pprof_shows_our_cpu_time_and_threads(cpu: NaiveCpu, tmp_path: Path):
    cpu.profile().save(tmp_path / "cpu.pb.gz")
    top = pprof("-top", "-unit=ns", "-nodefraction=0", tmp_path / "cpu.pb.gz")
    assert "Type: cpu\n" in top
    assert re.search(r"Duration: 2s, Total samples = (\d+)ns", top)[1] == str(cpu.sampled_ns)  # type: ignore[index]
    assert {"load", "Parser.parse", "inflate", "<module>"} == {line.split()[-1] for line in top.splitlines()[-4:]}
    of_worker = sum(tick.weight_ns for tick in cpu.ticks if tick.thread_id == MAIN_ID + 1)
    top = pprof("-top", "-unit=ns", "-nodefraction=0", "-tagfocus=thread=worker", tmp_path / "cpu.pb.gz")
    assert re.search(r"nodes accounting for (\d+)ns", top)[1] == str(of_worker)  # type: ignore[index]


def test_go_tool_pprof_reads_every_value_and_label_of_cpu_time(cpu: NaiveCpu, tmp_path: Path):
    cpu.profile().save(tmp_path / "cpu.pb.gz")
    raw = pprof("-raw", tmp_path / "cpu.pb.gz")
    assert "PeriodType: cpu nanoseconds\nPeriod: 10000000\n" in raw
    assert "samples/count cpu/nanoseconds[dflt]" in raw
    rows = re.findall(r"^ +(\d+) +(\d+): ", raw, re.MULTILINE)
    assert [sum(map(int, column)) for column in zip(*rows)] == [len(cpu.ticks), cpu.sampled_ns]
    assert "thread:[MainThread]" in raw
    assert f"thread_id:[{MAIN_ID}]" in raw


# ---- pprof-format

DECODE = """
const { Profile } = require("pprof-format");
const data = require("zlib").gunzipSync(require("fs").readFileSync(process.argv[1]));
const profile = Profile.decode(data);
const text = (index) => profile.stringTable.strings[Number(index)];
const sums = profile.sampleType.map((_, at) => profile.sample.reduce((sum, s) => sum + BigInt(s.value[at]), 0n));
console.log(JSON.stringify({
  types: profile.sampleType.map((type) => [text(type.type), text(type.unit)]),
  sums: sums.map(Number),
  functions: profile.function.map((one) => [text(one.name), text(one.filename)]),
  labels: [...new Set(profile.sample.flatMap((s) => s.label.map((label) => text(label.key))))].sort(),
  period: Number(profile.period),
}));
"""


def test_pprof_format_decodes_our_files(snapshot: HeapSnapshot, tmp_path: Path, node_modules: Path):
    snapshot.save(tmp_path / "heap.pb.gz")
    decoded: dict[str, Any] = json.loads(
        output_of(program("node", "nodejs"), "-e", DECODE, tmp_path / "heap.pb.gz", cwd=node_modules.parent)
    )
    assert decoded["types"] == [
        ["alloc_objects", "count"],
        ["alloc_space", "bytes"],
        ["inuse_objects", "count"],
        ["inuse_space", "bytes"],
        ["peak_objects", "count"],
        ["peak_space", "bytes"],
    ]
    assert decoded["sums"] == sums(snapshot)
    assert ["Parser.parse", "/app/module.py"] in decoded["functions"]
    assert (decoded["labels"], decoded["period"]) == (["age", "bytes", "rate", "thread"], 4096)


# ---- speedscope

VALIDATE = """
const Ajv = require("ajv");
const read = (path) => JSON.parse(require("fs").readFileSync(path));
const validate = new Ajv({ strict: false }).compile(read(process.argv[1]));
console.log(validate(read(process.argv[2])) ? "valid" : JSON.stringify(validate.errors));
"""


def test_speedscopes_schema_holds_for_our_files(snapshot: HeapSnapshot, tmp_path: Path, node_modules: Path):
    schema = node_modules / "speedscope" / "dist" / "release" / "file-format-schema.json"
    snapshot.save(tmp_path / "heap.json")
    words = ["-e", VALIDATE, schema]
    node = program("node", "nodejs")
    assert output_of(node, *words, tmp_path / "heap.json", cwd=node_modules.parent) == "valid\n"
    (tmp_path / "bad.json").write_text((tmp_path / "heap.json").read_text().replace('"sampled"', '"simpled"'))
    assert output_of(node, *words, tmp_path / "bad.json", cwd=node_modules.parent) != "valid\n"


def test_speedscopes_schema_holds_for_cpu_files(cpu: NaiveCpu, tmp_path: Path, node_modules: Path):
    schema = node_modules / "speedscope" / "dist" / "release" / "file-format-schema.json"
    cpu.profile().save(tmp_path / "cpu.json")
    words = ["-e", VALIDATE, schema, tmp_path / "cpu.json"]
    assert output_of(program("node", "nodejs"), *words, cwd=node_modules.parent) == "valid\n"


def test_speedscope_shows_our_files_in_a_browser(snapshot: HeapSnapshot, tmp_path: Path, node_modules: Path):
    """speedscope's command line opens files this way: a page loads a script that contains the file. Nothing comes from
    the network.
    """
    browser, environment = browser_program()
    snapshot.save(tmp_path / "heap.json")
    content = base64.b64encode((tmp_path / "heap.json").read_bytes()).decode()
    (tmp_path / "heap.js").write_text(f"speedscope.loadFileFromBase64('heap.json', '{content}')")
    page = node_modules / "speedscope" / "dist" / "release" / "index.html"
    shot = ROOT / "build" / "viewers" / "speedscope.png"
    options = "--headless --no-sandbox --disable-gpu --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
    options += f" --allow-file-access-from-files --user-data-dir={tmp_path} --virtual-time-budget=15000"
    address = f"file://{page}#localProfilePath={tmp_path / 'heap.js'}"
    seen = output_of(
        browser, *options.split(), "--window-size=1200,700", "--dump-dom", address, environment=environment
    )
    rows = re.findall(r'<tr title="([^"]+)".*?<td class="[^"]*">([^<]+)</td></tr>', seen)
    assert [name for name, _ in rows] == [
        "in use: bytes",
        "in use: objects",
        "allocated: bytes",
        "allocated: objects",
        "at the peak: bytes",
        "at the peak: objects",
    ]
    objects = int(rows[1][1].replace(",", ""))
    assert abs(objects - snapshot.estimated_heap_objects) <= len(STACKS)
    output_of(
        browser, *options.split(), "--window-size=1200,700", f"--screenshot={shot}", address, environment=environment
    )
    assert shot.read_bytes().startswith(b"\x89PNG")
