"""HTTP responses are given to the standard viewers: go tool pprof, which sends requests itself, and npm's pprof-format.

Marked `viewers`, like test_viewers.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from child import HELPERS
from specimens import specimen
from viewers import output_of, program

pytestmark = pytest.mark.viewers

TOKEN = "of the tests"
BLOCK = 100_000_000
HEAP_TYPES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]

SUMS = """
const { Profile } = require("pprof-format");
const data = require("zlib").gunzipSync(require("fs").readFileSync(process.argv[1]));
const profile = Profile.decode(data);
const text = (index) => profile.stringTable.strings[Number(index)];
const sum = (at) => profile.sample.reduce((sum, one) => sum + BigInt.asIntN(64, BigInt(one.value[at])), 0n);
console.log(JSON.stringify(Object.fromEntries(profile.sampleType.map((one, at) => [text(one.type), Number(sum(at))]))));
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yield the address of a serving program, without the path."""
    command = [sys.executable, str(specimen("http/served_on_a_port")), TOKEN]
    environment = {**os.environ, "PYTHONPATH": str(HELPERS)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as served:
        assert served.stdin
        assert served.stdout
        port = int(served.stdout.readline())
        yield f"http://127.0.0.1:{port}/debug/pprof/"
        served.stdin.close()
        assert served.wait() == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pprof")


def pprof(folder: Path, *words: str | Path) -> str:
    environment = {**os.environ, "PPROF_TMPDIR": str(folder)}
    return output_of(program("go", "golang-go"), "tool", "pprof", *words, environment=environment)


def with_token(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}token={TOKEN.replace(' ', '+')}"


def shown(top: str, function: str) -> int:
    """Return the flat bytes or nanoseconds of a function and its callees, as shown by -top."""
    found = re.search(rf"^ *\S+ +\S+ +\S+ +(-?\d+)(?:B|ns) +\S+ +.*\b{function}\b.*$", top, re.MULTILINE)
    return int(found[1]) if found else 0


OPTIONS = ("-top", "-cum", "-unit=B", "-nodefraction=0", "-edgefraction=0")


@pytest.mark.parametrize("path", ["heap", "allocs"])
def test_go_tool_pprof_asks_for_the_heap(address: str, folder: Path, path: str) -> None:
    top = pprof(folder, *OPTIONS, with_token(f"{address}{path}"))
    assert f"Type: {'alloc_space' if path == 'allocs' else 'inuse_space'}" in top
    assert 2 * BLOCK <= shown(top, "hold") <= 2.01 * BLOCK
    assert path == "heap" or shown(top, "work") > 0


@pytest.mark.parametrize("path", ["heap", "allocs"])
def test_go_tool_pprof_asks_for_a_difference(address: str, folder: Path, path: str) -> None:
    top = pprof(folder, *OPTIONS, "-sample_index=alloc_space", with_token(f"{address}{path}?seconds=2"))
    assert "Type: alloc_space" in top
    assert (shown(top, "hold"), shown(top, "work") > 0) == (0, True)


def test_go_tool_pprof_asks_for_cpu_time(address: str, folder: Path) -> None:
    top = pprof(folder, "-top", "-cum", "-unit=ns", "-nodefraction=0", "-seconds=2", with_token(f"{address}profile"))
    assert "Type: cpu" in top
    assert shown(top, "work") > 0


def test_go_tool_pprof_reads_the_old_text(address: str, folder: Path) -> None:
    """go tool pprof would request the names of addresses without the token."""
    raw = pprof(folder, "-raw", "-symbolize=none", with_token(f"{address}heap?debug=1"))
    assert "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes" in raw
    rows = re.findall(r"^" + r" +(\d+)" * 4 + ": ", raw, re.MULTILINE)
    totals = [sum(map(int, column)) for column in zip(*rows)]
    assert 2 * BLOCK <= totals[3] <= 4 * BLOCK
    assert totals[1] >= totals[3]
    assert int(rows[0][3]) in range(BLOCK, 3 * BLOCK), "the largest comes first"


def test_go_tool_pprof_is_told_why_there_is_nothing(address: str, folder: Path) -> None:
    finished = subprocess.run(
        [program("go", "golang-go"), "tool", "pprof", "-top", f"{address}heap"],
        env={**os.environ, "PPROF_TMPDIR": str(folder)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.returncode != 0
    assert "401 Unauthorized" in finished.stderr


@pytest.mark.parametrize("path", ["heap", "allocs", "heap?seconds=1", "profile?seconds=1"])
def test_pprof_format_decodes_the_answers(address: str, tmp_path: Path, node_modules: Path, path: str) -> None:
    request = urllib.request.Request(f"{address}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as answer:
        (tmp_path / "x.pb.gz").write_bytes(answer.read())
    node = program("node", "nodejs")
    sums = json.loads(output_of(node, "-e", SUMS, tmp_path / "x.pb.gz", cwd=node_modules.parent))
    if path.startswith("profile"):
        assert list(sums) == ["samples", "cpu"]
        assert sums["cpu"] > 0
    elif "seconds" in path:
        assert list(sums)[:4] == HEAP_TYPES
        assert sums["alloc_space"] > 0
        assert abs(sums["inuse_space"]) < BLOCK
    else:
        assert list(sums)[:4] == HEAP_TYPES
        assert 2 * BLOCK <= sums["inuse_space"] < 3 * BLOCK
