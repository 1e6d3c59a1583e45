"""Every block of docs/quickstart.md runs as printed, each in its own child process.

Where the default rate is used without a seed, the expected allocations are so large (at least 10 MB) that they never go
unsampled. A preamble provides what a block presupposes (a running profiler, the reader's own function). A block that is
not listed here fails the test, so that a changed quickstart is noticed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from child import Child
from quickstart import ROOT, Name, alternatives, code_blocks

IMPORT = "import spprof.memprof as memprof\n"

RUNNING = (
    IMPORT
    + """
def load():
    return [bytearray(50_000) for _ in range(2_000)]

memprof.start(seed=1)
data = load()
"""
)

NO_WAITING = """
import time
waited = []
time.sleep = waited.append
"""


@dataclass(frozen=True)
class Example:
    """How a block is run: its preamble, the code that runs afterwards, and the required output."""

    before: str = ""
    after: str = ""
    prints: str = ""
    preload: bool = False
    """Whether to run the block once more with the library preloaded."""
    needs: tuple[str, ...] = field(default=())


EXAMPLES: dict[Name, Example] = {
    ("Quick Profile", 0): Example(
        prints=r"Estimated heap: 0\.8[0-5] GB\nown site: True True\n",
        after="""
(own,) = [row for row in snapshot.top_allocators() if row["estimated_bytes"] > 700e6]
line = 1 + open(__file__).read().splitlines().index("data = np.random.randn(10000, 10000)  # ~800 MB")
# If one of the small blocks that numpy adds is sampled, it represents half a megabyte.
print("own site:", (own["function"], own["file"], own["line"]) == ("<module>", __file__, line),
      0.999 * 800e6 < own["low_bytes"] <= own["estimated_bytes"] <= own["high_bytes"] < 1.01 * 800e6)
""",
        preload=True,
        needs=("numpy",),
    ),
    ("Context Manager", 0): Example(
        prints=r"Top allocators:\n  <(listcomp|module)>: \d{3}\.\d MB\n(  .+: \d+\.\d MB\n)*ints: True True\n",
        # 10 million ints of 32 bytes each, and their list
        after="""
import os
low, high = mp.snapshot.heap_bytes_interval(0.99999999)
print("ints:", low < 10_000_000 * 32 + 8 * len(data) * 1.13 and high > 10_000_000 * 40,
      os.path.getsize("memory_profile.json") > 100)
""",
    ),
    ("Sampling Rate", 0): Example(
        IMPORT, "print(memprof.is_active(), memprof.get_stats().sampling_rate_bytes)", r"True (65536|524288|1048576)\n"
    ),
    ("Get Top Allocators", 0): Example(
        RUNNING, "", r"[\w.<>]+ \(.*program\.py:\d+\)\n  \d+\.\d MB across \d+ samples\n((.+\n){2})*"
    ),
    ("Save for Visualization", 0): Example(
        RUNNING + "snapshot = memprof.get_snapshot()\n",
        'import json\nprint(json.load(open("memory_profile.json"))["$schema"])\n'
        'print(open("memory_profile.collapsed").read())',
        r"https://www\.speedscope\.app/file-format-schema\.json\n"
        r"(.+ \d+\n)*<module> \(.*\);load \(.*\) \d+\n(.+ \d+\n)*\n",
    ),
    ("Check Data Quality", 0): Example(
        IMPORT + "memprof.start(1024)\nheld = bytearray(50_000_000)\n",
        "",
        "\N{WARNING SIGN}\N{VARIATION SELECTOR-16} Only \\d+ samples - results may have high variance\n"
        "Stack capture confidence: high\n",
    ),
    ("Statistics and Diagnostics", 0): Example(
        RUNNING,
        "",
        r"Total samples: [1-9]\d+\nLive samples: [1-9]\d+\nFreed samples: \d+\nUnique stacks: [1-9]\d*\n"
        r"Estimated heap: \d+\.\d MB\nHeap map load: \d+\.\d%\n",
    ),
    ("Profile a Function", 0): Example(
        after="""
def reads(rows, *, columns):
    return [bytearray(columns) for _ in range(rows)]
result, snapshot = profile_function(reads, 5, columns=20_000_000)
top = snapshot.top_allocators(1)[0]["function"]
print(len(result), len(result[0]), top in ("reads", "reads.<locals>.<listcomp>", "<listcomp>"))
""",
        prints=r"Peak estimated heap: 10\d\.\d MB\n5 20000000 True\n",
    ),
    ("Monitor Memory Over Time", 0): Example(
        NO_WAITING
        + """
running, batches = True, []
def process_batch():
    global running
    batches.append(bytearray(20_000_000))
    running = len(batches) < 3
""",
        "print(waited, memprof.is_active())",
        r"\[\d{10,}\] Heap: 2\d\.\d MB\n\[\d{10,}\] Heap: 4\d\.\d MB\n\[\d{10,}\] Heap: 6\d\.\d MB\n"
        r"\[60, 60, 60\] False\n",
    ),
    ("Compare Before/After", 0): Example(
        """
def load_large_dataset():
    global dataset
    dataset = [bytearray(10_000_000) for _ in range(10)]
""",
        "",
        r"Baseline: \d\.\d MB\nAfter: 10\d\.\d MB\nDelta: (99\.[5-9]|10\d\.\d) MB\n",
    ),
    ("Low Sample Count", 0): Example(
        NO_WAITING + IMPORT, "print(waited, memprof.get_stats().sampling_rate_bytes)", r"\[10\] 65536\n"
    ),
    ("Combined CPU + Memory Profiling", 0): Example(
        before="""
from spprof import _engine
def run_application():
    global kept
    kept = bytearray(50_000_000)
    while _engine.cpu_stats()["samples"] < 5:
        pass
""",
        after="""
import json
for name in ("cpu_profile.json", "mem_profile.json"):
    document = json.load(open(name))
    used = {frame["name"] for frame in document["shared"]["frames"]}
    print(document["name"], "run_application" in used, sum(len(chart["samples"]) for chart in document["profiles"]) > 0)
print(cpu_profile.sample_count >= 5, mem_snapshot.estimated_heap_bytes > 45_000_000)
""",
        prints=r"spprof cpu profile True True\nspprof heap profile True True\nTrue True\n",
    ),
    ("High Overhead", 0): Example(IMPORT, "print(memprof.get_stats().sampling_rate_bytes)", r"1048576\n"),
}

ONE_OF = {("Sampling Rate", 0): 3}
"""Blocks with this many paragraphs, each of which starts the profiler."""

SHELL = {
    ("Installation", 0): "installs from an index what is tested here",
    ("Linux-Specific Usage", 0): "test_the_library_is_made_and_preloaded_as_printed",
    ("Missing Native Frames", 0): "rebuilds another package",
}


def variants() -> list[tuple[Name, int]]:
    return [(name, number) for name in EXAMPLES for number in range(ONE_OF.get(name, 1))]


def test_every_block_is_listed():
    assert {*code_blocks("python")} == {*EXAMPLES}
    assert {*code_blocks("bash")} == {*SHELL}


@pytest.mark.parametrize(("name", "number"), variants(), ids=lambda value: value[0] if type(value) is tuple else None)
def test_a_block_runs_as_printed(child: Child, name: Name, number: int):
    example = EXAMPLES[name]
    for module in example.needs:
        pytest.importorskip(module, reason=f"the block imports {module}, which is not installed")
    block = code_blocks("python")[name]
    if name in ONE_OF:
        assert len(alternatives(block)) == ONE_OF[name]
        block = alternatives(block)[number]
    for preload in [False, True] if example.preload else [False]:
        printed = child.run(example.before + block + example.after, preload=preload)
        assert re.fullmatch(example.prints, printed), (preload, printed)


@pytest.mark.packaging
@pytest.mark.nightly
def test_the_library_is_made_and_preloaded_as_printed(tmp_path: Path):
    """The block runs in a copy of the sources that has the name the block expects and contains a script that needs the
    library.
    """
    copy = tmp_path / "spprof"
    shutil.copytree(
        ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "build", "*.so", "*_cache")
    )
    (copy / "my_script.py").write_text(
        "from spprof import _engine, memprof\nmemprof.start(native='preload')\nprint(_engine.library_path())\n"
    )
    (tmp_path / "bin").mkdir()
    for name in ("python", "python3"):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LD_PRELOAD", "MAKE", "MFLAGS"))
    }
    environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
    finished = subprocess.run(
        ["sh", "-e", "-c", code_blocks("bash")["Linux-Specific Usage", 0]],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.splitlines()[-1] == str(copy / "libspprof_alloc.so")
