"""The package's modules are reimported while a profile is being made, as notebooks and development servers do."""

from __future__ import annotations

import pytest
from child import Child
from place import SPPROF, Place
from specimens import specimen
from spprof.pprof.file import read_profile

WAYS = ["deleted", "package", "each", "backwards", "cpu", "memprof", "heap.snapshot", "_engine"]
RUNNING = "the CPU profiler is already running: call spprof.stop() first\n"


@pytest.mark.parametrize("way", WAYS)
def test_stop_ends_what_was_started_before_modules_were_imported_anew(child: Child, way: str) -> None:
    told = child.run(specimen("reload/modules_anew"), way, "stops")
    assert told == RUNNING + "['cpu.pb.gz', 'second.pb.gz']\n"
    assert read_profile(str(child.folder / "cpu.pb.gz")).samples


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_stopped_is_saved_once_at_exit(child: Child, way: str) -> None:
    told = child.run(specimen("reload/modules_anew"), way, "goes on")
    assert told == RUNNING + "['cpu.pb.gz']\n"
    assert read_profile(str(child.folder / "cpu.pb.gz")).samples


def test_threads_keep_the_names_that_they_had_before(child: Child) -> None:
    """Only the session knows the name of a thread that has ended."""
    told = child.run("""
        import sys, threading
        import spprof
        main = threading.main_thread()
        main.name = "named before"
        spprof.start(1)
        for name in [name for name in sys.modules if name.startswith("spprof")]:
            del sys.modules[name]
        import spprof
        print(spprof._engine.kept()["CPU session"].names)
        spprof.stop()
        """)
    assert "named before" in told


@pytest.mark.parametrize("every", [(), ("--every", "0.05")])
def test_a_run_is_written_whatever_the_program_imports_anew(place: Place, every: tuple[str, ...]) -> None:
    place.write("""
        import importlib, sys
        kept = [bytearray(1000) for _ in range(5000)]
        for name in [name for name in sys.modules if name.startswith("spprof")]:
            del sys.modules[name]
        import spprof.memprof
        for name in [name for name in sys.modules if name.startswith("spprof.")]:
            importlib.reload(sys.modules[name])
        print(spprof.memprof.is_active())
        """)
    words = [*SPPROF, "run", "--cpu", "--rate-kb", "0", *every, "-o", str(place.output), "program.py"]
    finished = place.call(words)
    assert (finished.returncode, finished.stdout) == (0, "True\n"), finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stderr.count("wrote") == 2
    profile = read_profile(str(place.output))
    held = sum(sample.values[3] for sample in profile.samples if "program.py" in str(profile.frames(sample.stack)))
    assert held >= 5_000_000
