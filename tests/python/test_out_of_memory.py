"""If a program uses up its permitted memory, the profile at that time is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from child import Child
from place import SPPROF, Place
from specimens import specimen

LIMIT_KIB = 400_000

EXHAUSTS = """
import sys
kept = []
def leak():
    try:
        while True: kept.append("x" * 500 + str(len(kept)))
    except MemoryError: sys.exit("out of memory")
leak()
"""


def limited(place: Place, words: list[str], limit: str = "-v", kib: int = LIMIT_KIB):
    return place.call(["sh", "-c", f'ulimit {limit} {kib} && exec "$@"', "sh", *words])


@pytest.mark.parametrize("limit", ["-v", "-d"])
@pytest.mark.parametrize("name", ["x.pb.gz", "x.html"])
def test_a_program_that_runs_out_of_memory_leaves_a_file(place: Place, name: str, limit: str) -> None:
    place.write(EXHAUSTS)
    finished = limited(place, [*SPPROF, "run", "-o", name, "program.py"], limit)
    assert finished.returncode == 1
    assert finished.stderr.startswith("out of memory\n")
    assert (place.folder / name).exists(), finished.stderr
    if name == "x.pb.gz":
        key, _ = max(place.sites(name).items(), key=lambda item: item[1])
        assert key.function == "leak"


@pytest.mark.parametrize("options", [("--cpu", "1"), ("--every", "0.05"), ("--cpu", "1", "--no-heap")])
def test_cpu_time_and_files_in_between_are_written_without_memory_too(place: Place, options: tuple[str, ...]) -> None:
    place.write(EXHAUSTS)
    finished = limited(place, [*SPPROF, "run", "-o", "x.pb.gz", *options, "program.py"])
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    files = {"x.pb.gz", "x.cpu.pb.gz"} if options == ("--cpu", "1") else {"x.pb.gz"}
    assert {path.name for path in place.folder.glob("*.gz")} == files, finished.stderr


@pytest.mark.parametrize(
    "how", ["snapshot", "html", "print", "block", "profile", "decorated", "profiler", "output_path"]
)
def test_profiles_are_made_and_saved_in_the_handler_of_a_memory_error(place: Place, how: str) -> None:
    place.write(specimen("endings/out_of_memory"))
    finished = limited(place, [sys.executable, "program.py", how])
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stderr
    assert finished.stdout == "out of memory\nmade\n"


@pytest.mark.parametrize("kib", [40_000, 60_000, 100_000, 10_000_000])
def test_the_reserve_is_a_small_part_of_what_the_process_may_have(child: Child, kib: int, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(specimen("endings/reserve"))
    finished = limited(place, [sys.executable, "program.py"], kib=kib)
    assert finished.returncode == 0, finished.stderr
    mapped, resident = map(int, finished.stdout.split())
    assert 0 < mapped <= min(48 << 10, kib // 10)
    assert resident < 256


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 14),
    reason="CPython 3.12 and 3.13 crash without memory for a generator, even without spprof",
)
def test_every_allocation_of_a_snapshot_and_its_file_may_fail(child: Child) -> None:
    """If a single allocation fails, the profile is still made, and the next one is correct."""
    pytest.importorskip("_testcapi")
    child.run(specimen("endings/failing_allocations"))
