"""``SPPROF=off`` is an operator's switch, under which programs run normally and nothing is profiled."""

from __future__ import annotations

import json
import sys

import pytest
from child import Child
from place import SPPROF, Place
from specimens import specimen
from spprof.environment import IS_OFF
from spprof.pprof.file import read_profile

GOES_ON = """False False
0 0 0 0
0 0 []
0 0
0 0
0 3 3 0
ValueError
ValueError
ValueError
"""


@pytest.mark.parametrize("value", ["off", "OFF", "Off"])
@pytest.mark.parametrize("preload", [False, True])
def test_programs_go_on_and_get_empty_results(child: Child, value: str, preload: bool) -> None:
    finished = child.attempt(specimen("switched_off/goes_on"), preload=preload, environment={"SPPROF": value})
    assert (finished.returncode, finished.stdout) == (7, GOES_ON), finished.stderr
    assert finished.stderr.count("SPPROF=off in the environment keeps spprof from starting") == 1
    assert finished.stderr.startswith(f"{specimen('switched_off/goes_on')}:"), "the program's own line is named"
    for name in ("at_stop.pb.gz", "heap.pb.gz"):
        profile = read_profile(str(child.folder / name))
        assert (profile.samples, profile.note("switched_off")) == ([], IS_OFF)
    for name in ("heap.json", "block.json"):
        assert json.loads((child.folder / name).read_bytes())["exporter"]
    for name in ("heap.html", "at_exit.html"):
        assert (child.folder / name).read_bytes().startswith(b"<!doctype html>")
    assert (child.folder / "heap.txt").read_bytes() == b""


def test_warnings_that_are_errors_do_not_stop_the_program(child: Child) -> None:
    told = child.run(
        """
        import warnings
        warnings.simplefilter("error")
        import spprof
        spprof.start()
        print(spprof.stop().sample_count)
        """,
        environment={"SPPROF": "off"},
    )
    assert told == "0\n"


def test_a_decorated_function_makes_no_profile_of_its_own(child: Child) -> None:
    told = child.run(
        """
        import spprof
        @spprof.profile
        def function(): return 1
        function()
        first = function.profile
        function()
        print(function.profile is first)
        """,
        environment={"SPPROF": "off"},
    )
    assert told == "True\n"


@pytest.mark.parametrize("value", ["", "on", "0", "offf", "heap=512"])
def test_other_values_switch_nothing_off(child: Child, value: str) -> None:
    told = child.run("import spprof; spprof.start(); print(spprof.is_active())", environment={"SPPROF": value})
    assert told == "True\n"


def test_what_runs_already_is_stopped_as_ever(child: Child) -> None:
    told = child.run("""
        import os
        import spprof
        from spprof import memprof
        memprof.start(0), spprof.start()
        os.environ["SPPROF"] = "off"
        kept = bytearray(1000)
        print(memprof.is_active(), memprof.get_snapshot().live_samples > 0)
        memprof.stop(), spprof.stop()
        memprof.start(), spprof.start()
        print(memprof.is_active(), spprof.is_active(), memprof.get_snapshot().live_samples > 0)
        """)
    assert told == "True True\nFalse False True\n"


@pytest.mark.parametrize("how", [["program.py"], ["-m", "program"]])
@pytest.mark.parametrize("options", [[], ["--cpu"], ["--every", "1", "-f"]])
def test_run_runs_the_program_alone(place: Place, how: list[str], options: list[str]) -> None:
    place.write("""
        import os, sys
        print(sys.argv, sys.path, sys.flags)
        print(sorted(os.environ.items()), sorted(vars(sys.modules["__main__"])))
        print("spprof" in sys.modules, sys.stdin.read())
        print("on stderr", file=sys.stderr)
        os.kill(os.getpid(), 15)
        """)
    environment = {"SPPROF": "off", "LD_PRELOAD": ""}
    plain = place.call([sys.executable, *how, "a", "--b"], environment=environment)
    under = place.call([*SPPROF, "run", *options, *how, "a", "--b"], environment=environment)
    assert (under.returncode, under.stdout) == (plain.returncode, plain.stdout)
    said, _, rest = under.stderr.partition("\n")
    assert said == f"spprof: {IS_OFF}: the program runs without profiling, and no file is written"
    assert rest == plain.stderr
    assert {file.name for file in place.folder.iterdir()} <= {"program.py", "__pycache__"}


def test_run_still_refuses_what_it_does_not_understand(place: Place) -> None:
    finished = place.call([*SPPROF, "run", "--rate-kb", "-1", "x.py"], environment={"SPPROF": "off"})
    assert finished.returncode == 2
