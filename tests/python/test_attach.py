"""`spprof attach` profiles a running program without affecting it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from specimens import specimen
from spprof import memprof
from spprof.cli import attach, attach_script, main
from spprof.pprof.file import read_profile
from spprof.process.other_process import OtherProcess, _minor_in
from test_cli_reports import spprof

needs_3_14 = pytest.mark.skipif(sys.version_info < (3, 14), reason="programs can be attached to from Python 3.14 on")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
NOBODY = 65534


@contextmanager
def program(*words: str, environment: dict[str, str] | None = None, **how: int) -> Iterator[subprocess.Popen[str]]:
    """Yield a program that has started. When the block ends, the program's input is closed, and it must then exit with
    0 and no output.
    """
    variables = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SPPROF")}
    variables.update(environment or {})
    command = [sys.executable, "-W", "error", *words]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=variables, text=True, **pipes, **how) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "begun\n"
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        rest = process.communicate("")
        assert (process.returncode, *rest) == (0, "ended\n", "")


def folders(pid: int) -> list[str]:
    """Return the folders of attachments to this process."""
    return [name for name in os.listdir(attach_script.PLACE) if name.startswith(f"spprof-attach.{pid}.")]


def said(pid: int, *options: str) -> str:
    """Return the message of an attach that fails."""
    found = spprof("attach", str(pid), *options)
    assert (found.returncode, found.stdout) == (1, ""), found.stderr
    assert folders(pid) == []
    return found.stderr.removeprefix(f"spprof: process {pid}: ")


# ---- Successful attachments


@needs_3_14
def test_for_a_while_and_then_all_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "now.pb.gz"
    with program(str(specimen("attach/at_work")), "ended") as process:
        found = spprof("attach", str(process.pid), "--for", "0.5", "--rate-kb", "64", "-o", str(path))
        assert found.returncode == 0, found.stderr
        assert found.stderr == f"spprof: wrote {path}; view it with: spprof table {path}\n"
        refused = spprof("attach", str(process.pid), "--for", "0.5", "-o", str(path))
        assert refused.returncode != 0
    assert folders(process.pid) == []
    assert "allocate (at_work.py" in spprof("table", str(path)).stdout
    assert read_profile(str(path)).period == 64 * 1024


@needs_3_14
def test_it_stays_on_and_may_be_attached_to_again(tmp_path: Path) -> None:
    with program(str(specimen("attach/at_work")), "on") as process:
        found = spprof("attach", str(process.pid))
        assert found.returncode == 0
        assert f"process {process.pid} (at_work.py) is now being profiled and is listening at /" in found.stderr
        assert f"spprof snapshot {process.pid} -o FILE" in found.stderr
        again = spprof("attach", str(process.pid))
        assert "was already profiled and is listening at /" in again.stderr
        path = tmp_path / "now.pb.gz"
        assert spprof("attach", str(process.pid), "--for", "0.1", "-o", str(path)).returncode == 0
        assert path.exists()


@needs_3_14
def test_tracers_of_the_program_see_nothing(tmp_path: Path) -> None:
    with program(str(specimen("attach/traced"))) as process:
        assert spprof("attach", str(process.pid)).returncode == 0


@needs_3_14
def test_what_comes_too_late_does_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(attach, "_REACHED_WITHIN", 0.2)
    with program(str(specimen("attach/waits"))) as process:
        assert main.main(["attach", str(process.pid)]) == 1
        assert "its main thread has run no Python for 0 seconds, so nothing was started" in capfd.readouterr().err
        assert len(folders(process.pid)) == 1  # CPython would report a missing script
    assert folders(process.pid) == []


@needs_3_14
def test_folders_of_programs_that_ended_are_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left = Path(attach_script.PLACE, f"spprof-attach.{ended.pid}.0")
    left.mkdir()
    (left / "script.py").touch()
    attach_script._remove_left_ones()
    assert not left.exists()


@needs_3_14
@needs_root
def test_root_attaches_to_other_users(tmp_path: Path) -> None:
    path = tmp_path / "now.pb.gz"
    variables = {"XDG_RUNTIME_DIR": ""}
    with program(str(specimen("attach/at_work")), "ended", user=NOBODY, group=NOBODY, environment=variables) as process:
        found = spprof("attach", str(process.pid), "--for", "0.2", "--rate-kb", "64", "-o", str(path))
        assert found.returncode == 0, found.stderr
    assert "allocate (at_work.py" in spprof("table", str(path)).stdout


# ---- Failures


@needs_3_14
@pytest.mark.parametrize(
    ("environment", "words", "told"),
    [
        (
            {"SPPROF": "off"},
            (),
            "SPPROF=off in the environment keeps spprof from starting; remove it from the program",
        ),
        ({"PYTHON_DISABLE_REMOTE_DEBUG": "1"}, (), "its Python was started with PYTHON_DISABLE_REMOTE_DEBUG or -X"),
        ({}, ("-X", "disable-remote-debug"), "start it with SPPROF=listen in its environment"),
    ],
)
def test_what_the_program_does_not_let_in_is_told(
    environment: dict[str, str], words: tuple[str, ...], told: str
) -> None:
    with program(*words, str(specimen("attach/at_work")), "off", environment=environment) as process:
        assert told in said(process.pid)


@needs_3_14
def test_an_error_in_the_program_is_told_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with program(
        "-c",
        """if True:
        import select, spprof
        spprof.memprof.start()
        spprof.memprof.shutdown()
        print("begun", flush=True)
        while not select.select([0], [], [], 0)[0]:
            pass
        print("ended", flush=True)
        """,
    ) as process:
        assert "its heap profiler was shut down, which cannot be undone; restart the program" in said(process.pid)


@needs_3_14
def test_another_version_of_spprof_is_told() -> None:
    with program(
        "-c",
        """if True:
        import select, sys, types
        sys.modules["spprof"] = types.SimpleNamespace(__version__="0.0.9")
        print("begun", flush=True)
        while not select.select([0], [], [], 0)[0]:
            pass
        print("ended", flush=True)
        """,
    ) as process:
        assert said(process.pid).startswith("it has spprof 0.0.9, but this is ")


def test_what_is_gone_or_no_python_is_told() -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        assert said(process.pid).startswith("it is not running a Python that spprof recognizes (")
        process.kill()
    assert said(process.pid) == "no such process\n"


def test_ids_that_are_none_are_bad_usage() -> None:
    for word in ("0", "-1", "x", "1.5"):
        assert spprof("attach", "--", word).returncode == 2
    assert "-o needs --for SECONDS" in spprof("attach", "1", "-o", "x.pb.gz").stderr


@pytest.mark.parametrize(
    ("minor", "told"), [(13, "SPPROF=listen in its environment"), (99, "install spprof for its Python")]
)
def test_another_python_is_told(minor: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherProcess, "minor_version", minor)
    with pytest.raises(attach._AttachError, match=told):
        attach._check_version(OtherProcess(os.getpid()))


def test_another_users_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    name = attach._name_of(os.geteuid())
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY - 1)
    with pytest.raises(
        attach._AttachError, match=rf"it belongs to {name}; attach as that user or as root \(sudo -u {name} "
    ):
        attach._check(OtherProcess(os.getppid()))
    assert attach._name_of(123456789) == "user 123456789"


def test_a_program_with_files_of_its_own_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(attach_script, "PLACE", str(tmp_path))
    monkeypatch.setattr(OtherProcess, "sees", lambda self, path: False)
    talk = attach_script.Talk(os.getpid(), os.geteuid(), os.getegid())
    with pytest.raises(
        attach._AttachError, match="it sees a different file system, as in a container; run spprof inside the container"
    ):
        attach._send(OtherProcess(os.getpid()), talk)
    talk.close(is_left=False)
    assert list(tmp_path.iterdir()) == []


def test_a_right_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(pid: int, path: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(attach_script, "PLACE", str(tmp_path))
    monkeypatch.setattr(sys, "remote_exec", refuse, raising=False)
    talk = attach_script.Talk(os.getpid(), os.geteuid(), os.getegid())
    talk.write_script(1.0, 512, 0.0)
    with pytest.raises(attach._AttachError, match=r"ptrace.*root.*CAP_SYS_PTRACE.*kernel\.yama\.ptrace_scope"):
        attach._send(OtherProcess(os.getpid()), talk)
    talk.close(is_left=False)


def test_versions_are_told_by_what_is_mapped() -> None:
    names = {
        "/usr/bin/python3.14": 14,
        "/usr/bin/python3.13t": 13,
        "/usr/lib/x86_64-linux-gnu/libpython3.15.so.1.0": 15,
        "/usr/lib/libpython3.12d.so (deleted)": 12,
        "/usr/lib/python3.14/lib-dynload/_json.cpython-314-x86_64-linux-gnu.so": 14,
        "/usr/bin/python3": 0,
        "/usr/lib/libpython3.so": 0,
        "/lib/libc.so.6": 0,
        "": 0,
    }
    assert {name: _minor_in(name) for name in names} == names
    assert OtherProcess(os.getpid()).minor_version == sys.version_info[1]


# ---- The script, without a caller


def test_a_script_that_is_late_removes_itself_and_an_early_one_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(attach_script, "PLACE", str(tmp_path))
    for within, gives_up in ((-1.0, False), (100.0, True)):
        talk = attach_script.Talk(os.getpid(), os.geteuid(), os.getegid())
        talk.write_script(within, 512, 0.0)
        source = Path(talk.script).read_text(encoding="utf-8")
        assert not gives_up or talk._give_up()
        exec(source, {})
        talk.close(is_left=True)
        assert list(tmp_path.iterdir()) == []
        assert not memprof.is_active()


def run_and_wait(source: str) -> None:
    """Run the script and wait for the interrupt that arrives when the script is left."""
    exec(compile(source, "script.py", "exec"), {})
    while True:
        time.sleep(0.01)


def test_an_interrupt_that_meets_the_script_comes_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Interrupting:
        @property
        def __version__(self) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(attach_script, "PLACE", str(tmp_path))
    talk = attach_script.Talk(os.getpid(), os.geteuid(), os.getegid())
    talk.write_script(100.0, 512, 0.0)
    source = Path(talk.script).read_text(encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "spprof", Interrupting())  # type: ignore[arg-type]
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells make their background jobs ignore it
        try:
            with pytest.raises(KeyboardInterrupt):
                run_and_wait(source)
        finally:
            signal.signal(signal.SIGINT, before)
    assert talk.answer(0.0) == {"error": "it was interrupted; try again"}
    talk.close(is_left=False)
