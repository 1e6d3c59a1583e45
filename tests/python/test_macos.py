"""What the package does on macOS, seen on a system that only calls itself so: ``sys.platform`` is "darwin"."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from child import Child
from specimens import specimen
from spprof import _engine, cpu, memprof, supported
from spprof.cli import client, family, run
from spprof.cpu_time import text
from spprof.process import control_group, numbers, other_process, other_process_macos
from spprof.process.other_process import OtherProcess, is_there, process_of
from spprof.process.other_process_macos import MacProcess, minor_in
from spprof.symbolize import thread_names

REFUSAL = (
    "spprof is experimental on macOS and has not been run on a Mac yet, so it starts nothing there; to try it, set "
    "SPPROF_EXPERIMENTAL=macos in the program's environment"
)
ASKED = {"SPPROF_EXPERIMENTAL": "macos"}


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


# ---- The refusal


def test_nothing_starts_unless_the_user_asks_for_it(child: Child) -> None:
    finished = child.attempt(specimen("macos/refused"), str(child.folder / "before.pb.gz"))
    assert finished.stderr == f"spprof: SPPROF has no effect here: {REFUSAL}\n"
    assert finished.stdout.splitlines() == [
        *[f"RuntimeError {REFUSAL}"] * 6,
        *[f"RuntimeError 409 Conflict: {REFUSAL}"] * 3,
        f"the call goes on [{f'<lambda>() runs without being profiled: {REFUSAL}'!r}]",
        "False False True",
    ]


def test_what_needs_a_profiler_names_the_refusal_first(child: Child) -> None:
    told = child.run(specimen("macos/never_started"))
    assert told.splitlines() == [f"RuntimeError {REFUSAL}"] * 2
    assert not (child.folder / "x").exists()


@pytest.mark.parametrize("words", [("run", "-c", "print(1)"), ("run", "--cpu", "--no-heap", "x.py"), ("attach", "1")])
def test_commands_that_would_profile_are_refused(child: Child, words: tuple[str, ...]) -> None:
    if words[-1] == "x.py":
        (child.folder / "x.py").write_text("print(1)")
    finished = child.attempt(specimen("macos/command"), *words)
    assert (finished.returncode, finished.stdout, finished.stderr) == (1, "", f"spprof: {REFUSAL}\n")
    assert [path.name for path in child.folder.iterdir() if path.name.startswith("spprof")] == []


def test_commands_that_read_files_work(child: Child) -> None:
    child.run("from spprof import memprof as m; m.start(); x = bytearray(10**8); m.get_snapshot().save('a.pb.gz')")
    for verb, *more in (("table",), ("stats",), ("flamegraph",), ("diff", "a.pb.gz")):
        assert child.attempt(specimen("macos/command"), verb, "a.pb.gz", *more).returncode == 0


@pytest.mark.parametrize(("value", "is_refused"), [("macos", False), ("MacOS", False), ("1", True), ("", True)])
def test_the_variable_names_the_experiment(
    macos: None, monkeypatch: pytest.MonkeyPatch, value: str, is_refused: bool
) -> None:
    monkeypatch.setenv(supported.EXPERIMENTS, value)
    assert supported.refusal() == (REFUSAL if is_refused else "")


def test_the_operators_switch_comes_first(child: Child) -> None:
    told = child.run(
        "import sys, spprof; sys.platform = 'darwin'; spprof.start(); print(spprof.stop().sample_count)",
        environment={"SPPROF": "off"},
    )
    assert told == "0\n"


def test_linux_needs_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(supported.EXPERIMENTS, raising=False)
    assert supported.refusal() == ""


# ---- Native allocations


def test_the_logger_stands_in_for_patching(child: Child) -> None:
    told = child.run(specimen("macos/asked_for"), environment=ASKED)
    assert told.splitlines() == [
        "logger",
        "off",
        "MainThread",
    ]


def test_a_missing_logger_is_told(macos: None) -> None:
    assert "gets no reports from libmalloc" in memprof._why_off()
    assert "LD_PRELOAD" not in memprof._why_off()


def test_run_leaves_the_environment_alone(macos: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "its own")
    assert run._environment() == (dict(os.environ), "its own")


def test_there_is_no_path_to_preload(child: Child) -> None:
    finished = child.attempt(specimen("macos/command"), "preload-path")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "nothing needs to be preloaded" in finished.stderr


# ---- CPU time


def test_a_thread_in_place_of_timers_is_nothing_to_warn_about(macos: None, recwarn: pytest.WarningsRecorder) -> None:
    cpu._warn_of_limits("thread")
    assert (list(recwarn), cpu._by_thread()) == ([], "")
    taken = {"short_threads": 0, "threads": (), "ticks": "thread", "parts": tuple, "dropped_count": 0}
    for system, count in (("Darwin-21.6.0-arm64", 0), ("Linux-6.1.0-x86_64", 1)):
        assert len(list(text.caveats(SimpleNamespace(**taken, platform=system)))) == count


def test_the_threads_are_those_the_kernel_lists() -> None:
    told: list[int] = []
    thread = threading.Thread(target=lambda: told.extend(_engine.thread_ids()))
    thread.start()
    native_id = thread.native_id
    thread.join()
    assert {os.getpid(), native_id} <= set(told)
    assert len(set(told)) == len(told)


def test_the_main_thread_is_the_one_with_the_lowest_id(macos: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "thread_ids", lambda: [70_003, 70_001, 70_002])
    assert (thread_names.main_id(), thread_names.python_names()[70_001]) == (70_001, "MainThread")
    monkeypatch.setattr(_engine, "thread_ids", list)
    assert thread_names.main_id() == 0


def test_ids_have_as_many_bits_as_in_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = SimpleNamespace(native_id=(5 << 32) + 12, name="counted since boot")
    monkeypatch.setattr(thread_names, "_running", lambda threading: [thread])
    assert thread_names.python_names()[12] == "counted since boot"


# ---- The process itself


def test_without_proc_the_engine_tells_the_resident_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    near = numbers.resident()
    monkeypatch.setattr(numbers, "lines_of", lambda path: ())
    assert numbers.resident() == pytest.approx(near, rel=0.2)
    assert numbers.rss() == pytest.approx(near, rel=0.2)
    assert int(numbers.memory_notes()["rss"]) == pytest.approx(near, rel=0.2)
    assert numbers.started_ns() == numbers.IMPORTED_NS


def test_there_are_no_control_groups(macos: None) -> None:
    assert control_group.no_limit_told() == "macOS has no control groups; use a size instead"


# ---- Other processes


class Peer:
    """A connection of macOS, whose other end is a process."""

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option, size) == (0, 2, 4)
        return struct.pack("i", 4711)


def test_the_process_that_listens_is_asked_for_in_macoss_way(macos: None) -> None:
    assert client._peer_of(Peer()) == 4711  # type: ignore[arg-type]


def test_the_process_that_listens_is_asked_for_in_linuxs_way() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert client._peer_of(one) == os.getpid()


def test_a_process_is_there_until_its_parent_has_waited_for_it() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert is_there(pid)
    os.waitpid(pid, 0)
    assert not is_there(pid)
    assert [is_there(number) for number in (0, -1, 1 << 70, os.getpid())] == [False, False, False, True]


def test_a_process_of_another_user_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert is_there(4711)


SHORT_INFO = struct.pack("=4I16s8I", 4711, 1, 4711, 2, b"python3.14", 0, 501, 20, 501, 20, 501, 20, 0)
WORDS = struct.pack("=i", 3) + b"/opt/bin/python3.14\0\0\0\0python3.14\0-X\0dev\0HOME=/Users/a\0A=b=c\0\0ptr_munge=\0"


@pytest.fixture
def kernel(macos: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac's kernel with one process, 4711."""
    for name, answer in (("_short_info", SHORT_INFO), ("_program", b"/opt/bin/python3.14"), ("_words", WORDS)):
        monkeypatch.setattr(other_process_macos, name, lambda pid, answer=answer: answer if pid == 4711 else b"")


def test_another_process_is_read_as_macos_tells_it(kernel: None) -> None:
    process = process_of(4711)
    assert isinstance(process, MacProcess)
    assert (process.exists, process.user, process.group, process.program) == (True, 501, 20, "/opt/bin/python3.14")
    assert (process.minor_version, process.is_readable) == (14, True)
    assert (process.words(), process.variables()) == (["python3.14", "-X", "dev"], {"HOME": "/Users/a", "A": "b=c"})
    assert family._is_running(4711)


def test_a_process_that_has_ended_is_told(kernel: None) -> None:
    process = process_of(4712)
    assert (process.exists, process.user, process.group, process.program) == (False, -1, -1, "")
    assert (process.minor_version, process.words(), process.variables()) == (None, [], {})
    assert not family._is_running(4712)


def test_why_a_process_cannot_be_queried_is_told(kernel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client._why_not(4712).startswith("there is no process 4712")
    assert "process 4711 belongs to #501" in client._why_not(4711).replace(client._user_name(501), "#501")
    monkeypatch.setattr(os, "geteuid", lambda: 501)
    assert client._why_not(4711).endswith("or use spprof attach 4711, since it runs Python 3.14 or later")
    monkeypatch.setattr(other_process_macos, "_program", lambda pid: b"/bin/zsh")
    assert "process 4711 is not running Python" in client._why_not(4711)


def test_both_kinds_of_processes_answer_the_same_questions() -> None:
    def questions(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert questions(OtherProcess) == questions(MacProcess)


def test_versions_are_told_by_the_programs_path() -> None:
    framework = "/Library/Frameworks/Python.framework/Versions/3.13/Resources/Python.app/Contents/MacOS/Python"
    paths = {framework: 13, framework.replace("3.13", "3.14t"): 14, "/opt/bin/python3.12": 12, "/opt/bin/python3": 0}
    paths |= {"/Applications/3.9/Python": 0, "/bin/zsh": 0, "": 0, "/opt/python3.14/bin/ruby": 0}
    assert {path: minor_in(path) for path in paths} == paths


def test_the_systems_functions_are_called_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def function(name: str) -> object:
        def called(*arguments: object) -> int:
            calls.append(name)
            return -1

        return called

    monkeypatch.setattr(other_process_macos, "_function", function)
    assert (other_process_macos._short_info(1), other_process_macos._program(1)) == (b"", b"")
    assert other_process_macos._words(1) == b""
    assert calls == ["proc_pidinfo", "proc_pidpath", "sysctl"]


def test_a_folder_of_a_living_program_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac has no /proc, in which a program could be looked for."""
    from spprof.cli import attach_script

    monkeypatch.setattr(attach_script, "PLACE", str(tmp_path))
    for pid in (os.getpid(), 1 << 30):
        (tmp_path / f"spprof-attach.{pid}.x").mkdir()
    attach_script._remove_left_ones()
    assert [path.name for path in tmp_path.iterdir()] == [f"spprof-attach.{os.getpid()}.x"]
    assert other_process.is_there(os.getpid())
