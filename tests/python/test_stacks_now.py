"""What all threads are doing, and the state of the process, reported while the program is stuck and holds the GIL."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import spprof
from child import Child
from native import compile_library
from specimens import FOLDER, specimen
from spprof import _engine

STUCK = specimen("stacks_now/stuck_in_c")
GET_STUCK = re.compile(r"  get_stuck\+0x[0-9a-f]+ \(asker\.so\)")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("asker")
    source = FOLDER / "stacks_now/asker.c"
    library = compile_library(source, folder / "asker.so", "-std=gnu11", "-D_GNU_SOURCE", "-pthread")
    return {"ASKER": str(library)}


def line_of(program: Path, comment: str) -> int:
    lines = program.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"  # {comment}"))


def threads_of(text: str) -> list[list[str]]:
    """Return the lines of each thread: its own, then its frames."""
    return [part.splitlines() for part in text.split("\n\n")[1:]]


def thread_with(text: str, word: str) -> list[str]:
    return next(lines for lines in threads_of(text) if any(word in line for line in lines))


def at(lines: list[str], function: str, program: Path, comment: str) -> int:
    """Return the position of this frame among a thread's lines. Raise ValueError if it is missing."""
    return lines.index(f"  {function} ({program}:{line_of(program, comment)})")


@pytest.mark.parametrize("profilers", [(), ("heap",), ("cpu",), ("heap", "cpu")], ids="+".join)
def test_a_program_that_is_stuck_in_c_with_the_gil_shows_where(
    child: Child, environment: dict[str, str], profilers: tuple[str, ...]
) -> None:
    text = child.run(STUCK, *profilers, environment=environment)
    stuck = thread_with(text, "get_stuck")
    native = next(
        place for place, line in enumerate(stuck) if re.match(r"  get_stuck\+0x[0-9a-f]+ \(asker\.so\)", line)
    )
    inner = at(stuck, "inner", STUCK, "stuck")
    outer = at(stuck, "outer", STUCK, "calls")
    module = at(stuck, "<module>", STUCK, "begins")
    assert 0 < native < inner < outer < module
    assert re.match(r"thread \d+ \"python[\d.]*\" \((running|sleeping)( in \w+)?\)", stuck[0])


def test_threads_that_wait_for_the_gil_and_for_a_lock_are_shown_too(child: Child, environment: dict[str, str]) -> None:
    text = child.run(STUCK, environment=environment)
    assert re.match(r"process \d+: stuck_in_c\.py, Python 3\.x, spprof " + re.escape(spprof.__version__), text)
    assert at(thread_with(text, " wait_for_lock "), "wait_for_lock", STUCK, "the lock") > 0
    spinning = thread_with(text, " wait_for_gil ")
    assert any(f" wait_for_gil ({STUCK}:" in line for line in spinning)
    assert any("take_gil" in line or "pthread_cond" in line or "libc.so" in line for line in spinning)


def test_a_pattern_that_never_ends_is_shown_with_its_line(child: Child, environment: dict[str, str]) -> None:
    program = specimen("stacks_now/stuck_in_regex")
    lines = thread_with(child.run(program, environment=environment), " match ")
    assert line_of(program, "stuck") == 12  # the program is waiting for this line
    assert at(lines, "match", program, "stuck") > 1, "the engine that matches patterns is C"


def test_a_stack_deeper_than_is_kept_says_so(child: Child, environment: dict[str, str]) -> None:
    program = specimen("stacks_now/deep")
    lines = thread_with(child.run(program, environment=environment), "get_stuck")
    frame = f"  descend ({program}:{line_of(program, 'again')})"
    assert lines.count(frame) > _engine.STACK_FRAMES_MAX / 4
    assert len(lines) <= _engine.STACK_FRAMES_MAX + 3
    assert lines[-1] == "  … (more callers than are kept)"


def test_a_thread_without_room_for_a_signal_is_listed_with_the_reason(
    child: Child, environment: dict[str, str]
) -> None:
    text = child.run(
        """
        import asking
        from spprof import _engine
        _engine.prepare_stacks()
        asking.begin_small_thread()
        asking.begin("has no room for the profiler")  # while it begins it blocks all signals
        asking.stuck()
        """,
        environment={**environment, "PYTHONPATH": str(FOLDER / "stacks_now")},
    )
    reason = "  no stack: its stack has no room for the profiler's signal"
    assert sum(lines[1] == reason for lines in threads_of(text)) == 1


def test_names_cannot_forge_lines(child: Child) -> None:
    text = child.run(
        r"""
        import threading
        from spprof import _engine
        _engine.prepare_stacks()
        ready = threading.Event()
        names = {"wait": lambda: (ready.set(), threading.Event().wait())}
        code = compile("def f():\n    wait()\n", "a\x1b[31m\nthread 1.py", "exec")
        exec(code, names)
        threading.Thread(target=names["f"], daemon=True).start()
        ready.wait()
        print(_engine.stacks_text().decode())
        """
    )
    assert "\x1b" not in text
    assert "  f (a?[31m?thread 1.py:2)" in text.splitlines()


def test_before_the_preparation_the_remedy_is_named(child: Child) -> None:
    text = child.run("from spprof import _engine\nprint(_engine.stacks_text().decode())")
    assert "thread stacks have not been set up: call spprof.listen() first" in text


@pytest.mark.parametrize("profilers", ["none", "both"])
def test_the_state_of_a_stuck_program_is_told(child: Child, environment: dict[str, str], profilers: str) -> None:
    program = specimen("stacks_now/state_of_stuck")
    state = json.loads(child.run(program, profilers, environment=environment))
    heap, cpu = state.pop("heap"), state.pop("cpu")
    assert state.pop("pid") > 0
    assert state.pop("rss_bytes") > 1 << 20
    assert state.pop("cpu_ns") > 0
    assert state.pop("threads") == 3  # the main thread, a waiting one, and the one that sends the request
    assert state == {
        "schema": "spprof-state-1",
        "program": 'a "program"\n',
        "spprof": spprof.__version__,
        "python": "3.x",
        "started_ns": 1_700_000_000_000_000_000,
    }
    if profilers == "none":
        assert heap == dict.fromkeys(heap, 0)
        assert cpu == {"active": False, "interval_ns": 0, "mode": "cpu", "samples": 0}
        return
    assert heap["active"] is cpu["active"] is True
    assert heap["sampling_interval_bytes"] == 1024
    assert heap["live_samples"] <= heap["total_samples"]
    assert 4_000_000 < heap["live_bytes"] <= heap["peak_bytes"]
    assert (cpu["interval_ns"], cpu["mode"]) == (3_000_000, "wall")


def test_the_state_is_that_of_the_process(child: Child) -> None:
    told = child.run("import os\nfrom spprof import _engine\nprint(os.getpid(), _engine.state_text().decode())")
    pid, _, document = told.partition(" ")
    state = json.loads(document)
    assert (state["pid"], state["threads"]) == (int(pid), 1)
    assert state["program"] == ""
