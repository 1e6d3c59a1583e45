"""Commands that query running processes: what they show about a listening process, and their messages if a process
cannot be queried.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spprof
from specimens import specimen
from spprof.cli import client, ps, top
from spprof.cli.main import main
from spprof.cli.terminal import Terminal
from spprof.pprof.file import read_profile
from spprof.pprof.profile import INUSE_SPACE, Location, Profile, Sample
from spprof.results import Frame

LISTENING = specimen("cli_processes/listening")
HEADERS = "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"
LONG_AGO = 1_000_000_000
NOBODY = 65534
OWN = os.getpid()

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="other users need root")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is searched for sockets first. The other folder may contain sockets of unrelated programs."""
    made = tmp_path / "run" / "spprof"
    made.mkdir(parents=True)
    made.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client.socket_folder, "folders", lambda: [str(made)])
    return made


Running = Callable[..., int]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Running]:
    """Start listening programs, and return their pids."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> int:
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
        command = [sys.executable, str(LISTENING), *words]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Fake:
    """A socket of this process that gives prescribed answers."""

    def __init__(self, path: Path, answers: dict[str, bytes]) -> None:
        self._answers = answers
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(8)
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = connection.recv(1 << 16)
        if not request:
            connection.close()
            return
        answer = self._answers.get(request.split()[1].decode())
        if answer is None:  # the answer never arrives
            self._kept.append(connection)
            return
        connection.sendall(answer)
        connection.close()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for one in (self._listening, *self._kept):
            one.close()


@pytest.fixture
def fake(folder: Path) -> Iterator[Callable[..., None]]:
    made: list[Fake] = []

    def make(answers: dict[str, bytes], name: str = f"{OWN}.sock") -> None:
        made.append(Fake(folder / name, answers))

    yield make
    for one in made:
        one.close()


def ok(body: bytes) -> bytes:
    return HEADERS.format(len(body)).encode() + body


def stats(**other: object) -> bytes:
    state = {
        "schema": "spprof-state-1",
        "pid": OWN,
        "program": "fake.py",
        "spprof": spprof.__version__,
        "python": "3.x",
        "started_ns": 0,
        "rss_bytes": 1 << 20,
        "cpu_ns": 0,
        "threads": 1,
        "heap": {"active": False, "total_samples": 0},
        "cpu": {"active": False},
    }
    return ok(json.dumps({**state, **other}).encode())


def said(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the one-line message that a failing command writes to stderr."""
    assert main([*map(str, words)]) == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith("spprof: ")
    assert told.err.count("\n") == 1
    return told.err[len("spprof: ") : -1]


def shown(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the output of a successful command."""
    assert main([*map(str, words)]) == 0
    return capfd.readouterr().out


VERBS = {
    "dump": ("dump", OWN),
    "rss": ("rss", OWN),
    "top": ("top", OWN),
    "snapshot": ("snapshot", OWN, "-o", "x.pb.gz"),
}


# ---- Listening processes


def test_each_process_that_listens_is_listed(capfd: pytest.CaptureFixture[str], listening: Running) -> None:
    both, none = listening("heap", "cpu"), listening()
    lines = {int(line.split()[0]): line for line in shown(capfd, "ps").splitlines()[1:]}
    assert set(lines) == {both, none}
    assert " heap+cpu " in lines[both]
    assert " none " in lines[none]
    assert all(line.endswith(f" {spprof.__version__}  listening.py") for line in lines.values())
    document = json.loads(shown(capfd, "ps", "--json"))
    assert document["schema"] == "spprof-ps-1"
    assert document["silent"] == []
    states = {state["pid"]: state for state in document["processes"]}
    assert states[both]["heap"]["live_bytes"] > 5_000_000
    assert states[none]["heap"]["total_samples"] == 0


def test_a_process_that_is_stuck_shows_where(
    capfd: pytest.CaptureFixture[str], listening: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = listening("stuck", "heap")
    text = ""
    while not re.search(r"^  (__)?(libc_)?read\+", text, re.MULTILINE):  # the program is not stuck yet
        text = shown(capfd, "dump", pid)
    lines = LISTENING.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "PyDLL(None).read(" in text)
    assert f"\n  get_stuck ({LISTENING}:{line})\n" in text
    assert str(pid) in shown(capfd, "ps")
    monkeypatch.setattr(client, "HEAP_SECONDS", 0.1)
    assert said(capfd, "rss", pid) == (
        f"process {pid} did not answer in time: it may be stopped or be holding the GIL; spprof dump {pid} shows "
        "what its threads are doing"
    )


def test_a_snapshot_is_a_file_as_any(capfd: pytest.CaptureFixture[str], listening: Running, tmp_path: Path) -> None:
    pid, file, page = listening("heap"), tmp_path / "x.pb.gz", tmp_path / "x.html"
    assert shown(capfd, "snapshot", pid, "-o", file) == ""
    assert shown(capfd, "snapshot", pid, "-o", page) == ""
    assert "hold (" in shown(capfd, "table", file)
    assert read_profile(str(file)).note("pid") == str(pid)
    assert page.read_text(encoding="utf-8").startswith("<!")
    with pytest.raises(SystemExit) as ended:
        main(["snapshot", str(pid), "-o", str(file)])
    assert ended.value.code == 2
    assert "use -f to overwrite it" in capfd.readouterr().err
    assert shown(capfd, "snapshot", pid, "-f", "-o", file) == ""


def test_memory_of_processes_is_explained(capfd: pytest.CaptureFixture[str], listening: Running) -> None:
    one, other = listening("heap"), listening("heap")
    document = json.loads(shown(capfd, "rss", "--json", one))
    assert document["measured"] == 1
    assert document["rss"] > 10_000_000
    assert json.loads(shown(capfd, "rss", "--json", one, other))["measured"] == 2


def test_a_file_that_is_called_by_a_number_is_a_file(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "4711").write_text("no profile")
    assert said(capfd, "rss", "4711").startswith("4711: ")


def test_top_prints_one_table_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str], listening: Running) -> None:
    pid = listening("heap")
    lines = shown(capfd, "top", pid).splitlines()
    assert lines[0].startswith(f"listening.py {pid}   RSS ")
    assert lines[1].startswith("inuse_space: ")
    assert lines[2].split() == ["own", "95", "%", "interval", "change", "site"]
    assert " hold (" in "\n".join(lines[3:])
    assert len([line for line in shown(capfd, "top", "-n", "1", pid).splitlines() if "(listening.py:" in line]) <= 1


def test_a_process_whose_heap_is_not_profiled_says_what_to_do(
    capfd: pytest.CaptureFixture[str], listening: Running
) -> None:
    pid = listening()
    told = said(capfd, "top", pid)
    assert told.startswith(f"process {pid}: ")
    assert "start" in told


def read_until(descriptor: int, word: bytes) -> bytes:
    text = b""
    while word not in text:
        assert select.select([descriptor], [], [], 60)[0], text
        text += os.read(descriptor, 1 << 16)
    return text


def test_top_is_drawn_on_a_terminal_and_ends_with_a_key(listening: Running, tmp_path: Path) -> None:
    pytest.importorskip("curses")
    pid = listening("heap")
    terminal, other_end = pty.openpty()
    shape = {"TERM": "xterm", "COLUMNS": "100", "LINES": "24"}
    environment = {**os.environ, **shape, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    command = [sys.executable, "-m", "spprof", "top", str(pid)]
    with subprocess.Popen(command, env=environment, stdin=other_end, stdout=other_end, stderr=other_end) as process:
        try:
            read_until(terminal, b"hold (")
            os.write(terminal, b"s")
            read_until(terminal, b"change")
            os.write(terminal, b"q")
            while process.poll() is None:  # the program's final output must not fill the pipe
                if select.select([terminal], [], [], 0.1)[0]:
                    os.read(terminal, 1 << 16)
            assert process.returncode == 0
        finally:
            process.kill()
    os.close(terminal)
    os.close(other_end)


def test_threads_can_be_chosen_by_a_word(capfd: pytest.CaptureFixture[str], fake: Callable[..., None]) -> None:
    text = 'process 1: x\n\nthread 1 "a" (running)\n  f (x.py:1)\n\nthread 2 "b" (running)\n  g (x.py:2)\n'
    fake({"/stacks": ok(text.encode())})
    assert shown(capfd, "dump", OWN) == text
    assert shown(capfd, "dump", "--with", "g (", OWN) == 'process 1: x\n\nthread 2 "b" (running)\n  g (x.py:2)\n'
    assert shown(capfd, "dump", OWN, OWN) == f"{text}\n{text}"


def test_processes_are_sorted_as_asked(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    states = [
        {"pid": pid, "rss_bytes": rss, "started_ns": begun, "heap": {"live_bytes": live, "total_samples": 1}}
        for pid, rss, begun, live in ((1, 5, 30, 7), (2, 9, 20, 6), (3, 7, 10, 8))
    ]
    monkeypatch.setattr(ps, "_asked", lambda: ([*states], []))
    orders = {}
    for order in ("pid", "rss", "heap", "age"):
        orders[order] = [int(line.split()[0]) for line in shown(capfd, "ps", "--sort", order).splitlines()[1:]]
    assert orders == {"pid": [1, 2, 3], "rss": [2, 3, 1], "heap": [3, 1, 2], "age": [3, 2, 1]}


# ---- The view of top


def moment(profile: Profile, clock_ns: int = 0, cpu_ns: int = 0, took_seconds: float = 0.0) -> top.Moment:
    state = {"pid": 4711, "program": "app.py", "rss_bytes": 1 << 20, "cpu_ns": cpu_ns, "threads": 2}
    return top.Moment(state, profile, clock_ns, took_seconds)


def profile_of(**held: int) -> Profile:
    """A heap profile of every allocation, with the bytes that each function holds."""
    locations = [Location((Frame(name, f"{name}.py", 7, 1, True),), -1, 0) for name in held]
    samples = [Sample((number,), (size,)) for number, size in enumerate(held.values())]
    return Profile((INUSE_SPACE,), locations, samples, period=1)


def watched(*moments: Profile) -> top.View:
    view = top.View()
    for number, profile in enumerate(moments):
        view.take(moment(profile, clock_ns=number * 1_000_000_000, cpu_ns=number * 250_000_000))
    return view


class Wide(Terminal):
    """A terminal that is wide enough for any output."""

    columns = None


class Narrow(Terminal):
    columns = 50


def test_a_narrow_terminal_has_room_for_the_sites() -> None:
    view = watched(profile_of(f=2048, a_function_with_a_long_name=1024))
    head, *lines = view.table(Narrow(), 10)
    assert head.split() == ["own", "change", "site"]
    assert all(len(line) <= Narrow.columns for line in lines)
    assert lines[0].endswith(" f (f.py:7)")


def rows_of(view: top.View) -> list[tuple[str, str]]:
    """Return each function with its change in the view."""
    lines = view.table(Wide(), 100)
    places = lines[0].index("change") + len("change")
    return [(line[places:].split()[0], line[:places].rpartition("  ")[2].strip()) for line in lines[1:]]


def test_sites_are_sorted_by_size_by_change_and_by_name() -> None:
    view = watched(profile_of(big=9000, small=2000, gone=5000), profile_of(big=9000, small=8000))
    assert rows_of(view) == [("big", ""), ("small", "+5.9 KiB")]
    view.press("s")
    assert rows_of(view) == [("small", "+5.9 KiB"), ("gone", "-4.9 KiB"), ("big", "")]
    view.press("s")
    assert rows_of(view) == [("big", ""), ("small", "+5.9 KiB")]
    view.press("s")
    assert view.sort == "own"


def test_changes_are_those_since_the_first_moment() -> None:
    view = watched(profile_of(f=1024), profile_of(f=4096), profile_of(f=3072))
    assert rows_of(view) == [("f", "+2.0 KiB")]


def test_a_frozen_view_stays_till_it_is_let_go() -> None:
    view = watched(profile_of(f=1024))
    view.press("f")
    assert "frozen" in view.heading()[2]
    view.take(moment(profile_of(g=1024)))
    assert [name for name, _ in rows_of(view)] == ["f"]
    view.press(" ")
    view.take(moment(profile_of(g=1024)))
    assert [name for name, _ in rows_of(view)] == ["g"]


def test_a_filter_is_typed_and_cleared() -> None:
    view = watched(profile_of(first=3, second=2, quick=1))
    for key in "/Qi\x7fU\n":
        assert view.press(key), "while a filter is typed, q is a letter"
    assert [name for name, _ in rows_of(view)] == ["quick"]
    assert "filter: QU " in view.heading()[2]
    view.press("\x1b")
    assert len(rows_of(view)) == 3
    assert not view.press("q")


def test_the_head_tells_the_process_and_its_cpu_time() -> None:
    view = watched(profile_of(f=2048), profile_of(f=2048))
    assert view.heading()[:2] == [
        "app.py 4711   RSS 1.0 MiB   CPU 25 %   2 threads",
        "inuse_space: 2.0 KiB",
    ]


def test_a_fault_is_shown_until_there_is_an_answer() -> None:
    view = top.View()
    assert view.heading()[0] == "waiting for the first answer …"
    view.fault = "process 4711 did not answer"
    assert view.heading()[0] == view.fault
    assert view.table(Wide(), 5) == []
    view.take(moment(profile_of(f=1)))
    assert view.fault == ""


def test_watching_costs_a_process_an_eleventh_of_its_time_at_the_most() -> None:
    assert top.rest_of(moment(profile_of(), took_seconds=0.01)) == 2.0
    assert top.rest_of(moment(profile_of(), took_seconds=0.5)) == 5.0


def test_cpu_is_told_by_two_moments() -> None:
    first, second = moment(profile_of(), 1_000, 5_000), moment(profile_of(), 11_000, 12_500)
    assert top.cpu_percent(None, first) is None
    assert top.cpu_percent(first, second) == 75
    assert top.cpu_percent(second, second) is None


# ---- Processes that cannot be queried


def ended_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_pid_that_is_gone_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    pid = ended_pid()
    assert said(capfd, "dump", pid) == f"there is no process {pid}; spprof ps lists the listening processes"


@contextlib.contextmanager
def waiting(*command: str, **options: Any) -> Iterator[int]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        yield process.pid
        process.kill()


PYTHON = (sys.executable, "-c", "import sys; print(sys.stdin.readline(), flush=True); sys.stdin.read()")


def test_a_process_that_is_no_python_program_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with waiting("cat") as pid:
        assert said(capfd, "dump", pid) == (
            f"process {pid} is not running Python; spprof ps lists the listening processes"
        )


def test_a_python_program_that_does_not_listen_is_told_how(capfd: pytest.CaptureFixture[str]) -> None:
    with waiting(*PYTHON) as pid:
        told = said(capfd, "dump", pid)
    assert told.startswith(f"process {pid} is not listening: start it with SPPROF=listen")
    assert (f"; or use spprof attach {pid}" in told) == (sys.version_info >= (3, 14))


@needs_root
def test_another_users_process_is_named_with_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    with waiting("cat", preexec_fn=lambda: os.setuid(NOBODY)) as pid:
        told = said(capfd, "dump", pid)
    assert told.startswith(f"process {pid} belongs to n")
    assert " query it as that user: sudo -u n" in told


@needs_root
def test_a_socket_of_another_users_is_not_trusted(
    capfd: pytest.CaptureFixture[str], folder: Path, fake: Callable[..., None]
) -> None:
    fake({"/stacks": ok(b"forged\n")})
    os.chown(folder / f"{OWN}.sock", NOBODY, NOBODY)
    assert "is not listening" in said(capfd, "dump", OWN)


def test_a_folder_that_others_may_enter_is_not_trusted(
    capfd: pytest.CaptureFixture[str], folder: Path, fake: Callable[..., None]
) -> None:
    fake({"/stacks": ok(b"forged\n")})
    folder.chmod(0o755)
    assert "is not listening" in said(capfd, "dump", OWN)
    assert shown(capfd, "ps").startswith("no process owned by this user is listening")


def test_a_socket_that_another_process_serves_is_not_the_processs_own(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None]
) -> None:
    """The process has ended, and its pid has been reused by another program."""
    with waiting(*PYTHON) as pid:
        fake({"/stacks": ok(b"another's\n")}, f"{pid}.sock")
        assert "is not listening" in said(capfd, "dump", pid)


def test_of_several_sockets_of_one_number_its_own_is_asked(
    capfd: pytest.CaptureFixture[str], folder: Path, fake: Callable[..., None]
) -> None:
    """Containers that share a folder may use the same pids."""
    socket.socket(socket.AF_UNIX).bind(str(folder / f"{OWN}.sock"))
    fake({"/stacks": ok(b"its own\n")}, f"{OWN}-2.sock")
    assert shown(capfd, "dump", OWN) == "its own\n"


@pytest.mark.parametrize("verb", ["rss", "top", "snapshot"])
def test_another_version_of_spprof_is_named(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None], verb: str
) -> None:
    fake({"/stats": stats(spprof="9.9.9")})
    assert said(capfd, *VERBS[verb]) == (
        f"process {OWN} has spprof 9.9.9, but this is {spprof.__version__}; use the spprof "
        "installed in the environment that the process runs in"
    )


def test_another_version_is_listed_and_dumped_all_the_same(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None]
) -> None:
    fake({"/stats": stats(spprof="9.9.9", heap=None, more={"of": "it"}), "/stacks": ok(b"process\n")})
    assert "9.9.9" in shown(capfd, "ps")
    assert shown(capfd, "dump", OWN) == "process\n"


@pytest.mark.parametrize("verb", VERBS)
def test_a_process_that_does_not_answer_is_named(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(client, "HEAP_SECONDS", 0.05)
    if verb == "dump":
        monkeypatch.setattr(client, "QUICK_SECONDS", 0.05)
    fake({"/stats": stats()})
    assert said(capfd, *VERBS[verb]).startswith(f"process {OWN} did not answer in time: ")


def test_a_process_that_is_silent_is_listed_as_such(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "QUICK_SECONDS", 0.05)
    fake({})
    assert shown(capfd, "ps").splitlines()[1].split(maxsplit=1) == [str(OWN), "does not answer: it may be stopped"]
    assert json.loads(shown(capfd, "ps", "--json"))["silent"] == [OWN]


BROKEN = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "half a body": HEADERS.format(1000).encode() + b"half",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no number": HEADERS.format("many").encode() + b"body",
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("verb", VERBS)
def test_an_answer_that_is_broken_off_is_one_sentence(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None], verb: str, broken: str
) -> None:
    fake({"/stats": stats(), "/stacks": BROKEN[broken], "/debug/pprof/heap": BROKEN[broken]})
    assert (
        said(capfd, *VERBS[verb])
        == f"process {OWN} closed the connection before its answer was complete; it may have ended; try again"
    )
    assert not Path("x.pb.gz").exists()


@pytest.mark.parametrize("verb", ["rss", "top", "snapshot"])
def test_what_is_no_profile_is_not_kept(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None], verb: str
) -> None:
    fake({"/stats": stats(), "/debug/pprof/heap": ok(b"no profile")})
    assert said(capfd, *VERBS[verb]).startswith(f"process {OWN} did not answer with a profile: ")
    assert not Path("x.pb.gz").exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"schema": 7}'])
def test_what_is_no_spprof_is_named(capfd: pytest.CaptureFixture[str], fake: Callable[..., None], body: bytes) -> None:
    fake({"/stats": ok(body)})
    assert said(capfd, "rss", OWN).startswith(f"process {OWN} does not respond like spprof")
    assert shown(capfd, "ps").count("\n") == 1


def test_a_refusal_is_told_in_the_processs_own_words(
    capfd: pytest.CaptureFixture[str], fake: Callable[..., None]
) -> None:
    refusal = ok(b"call \x1b[31mspprof.memprof.start() first\n").replace(b"200 OK", b"409 Conflict")
    fake({"/stats": stats(), "/debug/pprof/heap": refusal})
    assert said(capfd, "top", OWN) == f"process {OWN}: call \\x1b[31mspprof.memprof.start() first"


# ---- Sockets left behind


def test_a_socket_on_which_nobody_listens_is_removed_when_it_is_old(
    capfd: pytest.CaptureFixture[str], folder: Path, fake: Callable[..., None]
) -> None:
    fake({"/stats": stats()})
    for name in ("11.sock", "12.sock"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(folder / name))
    for name in ("11.sock", f"{OWN}.sock"):
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    shown(capfd, "ps")
    assert {file.name for file in folder.iterdir()} == {"12.sock", f"{OWN}.sock"}


def test_other_files_are_left_alone(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    names = {"notes", "x.sock", "12-.sock", ".sock", "-2.sock", "²3.sock"}
    for name in names:
        (folder / name).write_text("")
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    assert shown(capfd, "ps").startswith("no process owned by this user is listening")
    assert {file.name for file in folder.iterdir()} == names


def test_ages_are_told_in_the_largest_unit() -> None:
    assert [ps.age_text(seconds) for seconds in (0, 59, 60, 3599, 3600, 86399, 86400 * 12)] == [
        "0 s",
        "59 s",
        "1 min",
        "59 min",
        "1 h",
        "23 h",
        "12 d",
    ]
