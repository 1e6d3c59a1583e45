"""Listening: which clients get an answer, what is refused, and that nothing remains. The paths' answers are tested
elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spprof
from asked import PATIENCE, connected, head, received, reply, reply_of
from child import HELPERS, Child
from place import Place
from specimens import specimen
from spprof import _engine
from spprof.http import endpoints, listener
from spprof.http.answers import Answer, Later
from spprof.process import socket_folder
from spprof.serve import background

TOKEN = "0123456789abcdef"
CONNECTIONS = 64
QUESTIONS = 16
WINDOWS, ROUNDS = 40, 5_000_000


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def threads() -> set[str]:
    return {one for one in os.listdir("/proc/self/task") if name_of(one) == "spprof"}


def name_of(thread: str) -> str:
    try:
        return Path(f"/proc/self/task/{thread}/comm").read_text().strip()
    except OSError:
        return ""


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "spprof"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    assert not threads()
    yield
    listener.close_all()
    while background._state().jobs:  # all clients have gone, which ends their jobs
        assert _engine.background_wake()
    _engine.server_pause()
    assert _engine.background_stop(60.0)
    assert not threads()


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each path answer with the text of the request."""

    def answer(method: str, path: str, query: str) -> Answer:
        return Answer(200, "text/plain", f"{method} {path} {query}".encode(), "", (("Allow", "GET"),))

    monkeypatch.setattr(endpoints, "answer", answer)


def answered_by(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> None:
    monkeypatch.setattr(endpoints, "answer", answer)


# ---- Addresses


@pytest.mark.usefixtures("echo")
def test_a_unix_socket_of_this_users_is_named_after_the_process(runtime_folder: Path) -> None:
    made = spprof.listen()
    assert made.address == str(runtime_folder / f"{os.getpid()}.sock")
    assert made.token is None
    assert stat.S_IMODE(os.stat(made.address).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(runtime_folder).st_mode) == 0o700
    answer = reply(made.address, "/a?b=c")
    assert (answer.status, answer.body, answer.fields["Allow"]) == (200, b"GET /a b=c", "GET")
    assert spprof.listen() is made
    made.close()
    made.close()
    assert not os.path.exists(made.address)


@pytest.mark.usefixtures("echo")
def test_a_port_answers_who_tells_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    made = spprof.listen("127.0.0.1:0", token=TOKEN)
    assert capsys.readouterr().err == ""
    assert made.address.startswith("127.0.0.1:")
    assert made.token == TOKEN
    assert reply(made.address, f"/a?token={TOKEN}&b=c").body == b"GET /a b=c"
    assert reply(made.address, "/a", more=f"Authorization: Bearer {TOKEN}\r\n").body == b"GET /a "
    for path in ("/a", "/a?token=", f"/a?token={TOKEN}x", f"/a?token={TOKEN[:-1]}", "/stats", "/stacks"):
        assert reply(made.address, path).status == 401, path


@pytest.mark.usefixtures("echo")
def test_a_token_that_is_drawn_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with spprof.listen("0.0.0.0:0") as made:
        port = made.address.rpartition(":")[2]
        assert capsys.readouterr().err == f"spprof: listening at http://127.0.0.1:{port}/?token={made.token}\n"
        assert reply(f"127.0.0.1:{port}", f"/a?token={made.token}").status == 200
        with spprof.listen("127.0.0.1:0") as other:
            assert other.token != made.token
            assert reply(other.address, f"/a?token={made.token}").status == 401


@pytest.mark.usefixtures("echo")
def test_a_port_may_be_of_ipv6() -> None:
    try:
        made = spprof.listen("[::1]:0", token=TOKEN)
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert made.address.startswith("[::1]:")
    assert reply(made.address, f"/a?token={TOKEN}", host=made.address).status == 200


@pytest.mark.usefixtures("echo")
def test_a_page_from_elsewhere_cannot_ask_by_a_name_that_leads_here() -> None:
    made = spprof.listen("127.0.0.1:0", token=TOKEN)
    for host, status in (("evil.example", 403), ("127.0.0.1.evil.example:6060", 403), (socket.gethostname(), 200)):
        assert reply(made.address, f"/a?token={TOKEN}", host=host).status == status, host


@pytest.mark.usefixtures("echo")
def test_a_socket_may_have_a_path_of_its_own(tmp_path: Path) -> None:
    with spprof.listen(tmp_path / "own.sock") as made:
        assert reply(made.address, "/a", host="any.example").status == 200
    with spprof.listen(f"{tmp_path}/own.sock"), pytest.raises(OSError, match="it already exists"):
        spprof.listen(tmp_path / "own.sock")


@pytest.mark.usefixtures("echo")
def test_what_a_dead_process_has_left_is_replaced(runtime_folder: Path) -> None:
    runtime_folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(runtime_folder / f"{os.getpid()}.sock"))
    assert spprof.listen().address == str(runtime_folder / f"{os.getpid()}.sock")


@pytest.mark.usefixtures("echo")
def test_a_process_of_the_same_id_in_another_container_keeps_its_socket(runtime_folder: Path) -> None:
    runtime_folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(runtime_folder / f"{os.getpid()}.sock"))
        other.listen()
        made = spprof.listen()
        assert made.address == str(runtime_folder / f"{os.getpid()}-2.sock")
        assert reply(made.address, "/a").status == 200


def test_what_is_no_address_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    long = tmp_path / ("x" * 108)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for address, kind, words in (
            ("127.0.0.1", ValueError, "with a port"),
            ("127.0.0.1:65536", ValueError, "with a port"),
            ("example.org:80", ValueError, "numeric"),
            ("::1:80", ValueError, r"\[::1\]"),
            ("", ValueError, "not an address"),
            ("a\0b:1", ValueError, "NUL"),
            (f"127.0.0.1:{port}", OSError, "in use"),
            ("203.0.113.7:0", OSError, "no such address"),
            (long, OSError, "107 bytes"),
            (tmp_path / "file", OSError, "exists"),
            (tmp_path / "folder", OSError, "exists"),
            (tmp_path / "none" / "x.sock", OSError, "folder does not exist"),
        ):
            with pytest.raises(kind, match=words):
                spprof.listen(address)
    for token in ("short", "x" * 129, f"{TOKEN} ", f"{TOKEN}é"):
        with pytest.raises(ValueError, match="16 to 128"):
            spprof.listen("127.0.0.1:0", token=token)
    with pytest.raises(ValueError, match="no token"):
        spprof.listen(token=TOKEN)
    with pytest.raises(TypeError):
        spprof.listen(6060)  # type: ignore[arg-type]
    assert (tmp_path / "file").read_text() == "mine"


def test_as_many_places_as_there_may_be_are_told(tmp_path: Path) -> None:
    for number in range(8):
        spprof.listen(tmp_path / f"{number}.sock")
    with pytest.raises(RuntimeError, match="close one"):
        spprof.listen(tmp_path / "8.sock")
    assert not (tmp_path / "8.sock").exists()


@pytest.mark.parametrize("fault", ["other users can access", "another user", "not a folder"])
def test_a_folder_that_is_not_private_is_not_used(
    fault: str, runtime_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_folder, "_SHARED", str(tmp_path / "none"))
    if fault == "not a folder":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        runtime_folder.symlink_to(tmp_path / "elsewhere")
    else:
        runtime_folder.mkdir(mode=0o700)
    if fault == "other users can access":
        runtime_folder.chmod(0o750)
    if fault == "another user":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(runtime_folder, 65534, 65534)
    with pytest.raises(RuntimeError, match="XDG_RUNTIME_DIR"):
        spprof.listen()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_gets_nothing(child: Child) -> None:
    assert child.run(specimen("listen/another_user_asks")) == "nothing"


# ---- Answers


def test_an_answer_may_come_later_and_be_large(monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytes(range(256)) * (1 << 14)
    answered_by(monkeypatch, lambda *_: Later(0.0, lambda: Later(0.0, lambda: Answer(200, "x/y", body, "z.gz"))))
    answer = reply(spprof.listen().address, "/")
    assert answer.body == body
    assert answer.fields["Content-Type"] == "x/y"
    assert answer.fields["Content-Disposition"] == 'attachment; filename="z.gz"'
    assert answer.fields["Content-Length"] == str(len(body))


def test_head_is_answered_without_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(monkeypatch, lambda *asked: Answer(200, "text/plain", asked[0].encode()))
    answer = reply(spprof.listen().address, "/", "HEAD")
    assert (answer.body, answer.fields["Content-Length"]) == (b"", "3")


def test_what_goes_wrong_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(monkeypatch, lambda *_: {}["nothing"])
    answer = reply(spprof.listen().address, "/")
    assert (answer.status, answer.body) == (500, b"the response could not be generated: KeyError\n")


@pytest.mark.usefixtures("echo")
def test_what_is_no_request_is_refused() -> None:
    address = spprof.listen().address
    for data, status in (
        (b"\x16\x03\x01\x02\x00\x01\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (head("/../../etc/passwd").replace(b"/..", b".."), 400),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
        (head("/start", "POST", more="Content-Length: 5\r\n") + b"a=b&c", 413),
        (b"GET /" + b"x" * 9000, 431),
    ):
        with connected(address) as connection:
            connection.sendall(data)
            assert reply_of(received(connection)).status == status, data[:40]


def test_who_goes_away_is_told_to_whoever_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    began, abandoned = threading.Event(), threading.Event()

    def answer(*_: str) -> Later:
        began.set()
        return Later(1e9, lambda: Answer(200, "text/plain", b""), abandoned.set)

    answered_by(monkeypatch, answer)
    with connected(spprof.listen().address) as connection:
        connection.sendall(head("/"))
        assert began.wait(300.0)
    assert abandoned.wait(300.0)


def test_more_questions_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    met = threading.Semaphore(0)

    def answer(*_: str) -> Later:
        met.release()
        return Later(1e9, lambda: Answer(200, "text/plain", b""))

    answered_by(monkeypatch, answer)
    address = spprof.listen().address
    waiting = [connected(address) for _ in range(QUESTIONS)]
    for one in waiting:
        one.sendall(head("/"))
    for _ in waiting:
        assert met.acquire(timeout=300.0)
    assert reply(address, "/").status == 429
    for one in waiting:
        one.close()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("echo", "many_descriptors")
def test_slow_clients_make_room_for_others() -> None:
    """A thousand clients have sent only part of their request head. Only a few of them may stay connected."""
    address = spprof.listen().address
    before = len(descriptors())
    with contextlib.ExitStack() as slow:
        for number in range(1000):
            one = slow.enter_context(connected(address))
            one.sendall(head("/a")[: number % 20])
            if number % 50 == 0:
                assert reply(address, "/b").body == b"GET /b "
        assert reply(address, "/b").body == b"GET /b "
        assert len(descriptors()) <= before + 1000 + CONNECTIONS


def test_clients_that_do_not_read_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(monkeypatch, lambda *asked: Answer(200, "text/plain", b"x" * (8 << 20 if asked[1] == "/big" else 1)))
    address = spprof.listen().address
    slow = [connected(address) for _ in range(12)]
    for one in slow:
        one.sendall(head("/big"))
        assert one.recv(1) == b"H"
    assert reply(address, "/b").body == b"x"
    lengths = []
    for one in slow:
        try:
            lengths.append(len(reply_of(b"H" + received(one)).body))
        except ConnectionError:
            lengths.append(0)
        one.close()
    assert lengths[-1] == 8 << 20
    assert lengths[0] < 8 << 20


def test_a_program_that_holds_the_gil_for_good_is_looked_at() -> None:
    program = specimen("listen/is_stuck")
    lines = program.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "re.match(" in text)
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as stuck:
        try:
            assert stuck.stdout is not None
            address = stuck.stdout.readline().strip()
            text = ""
            while f"stuck ({program}:{line})" not in text or "no stack: it is the profiler's own" not in text:
                text = reply(address, "/stacks").body.decode()
                assert stuck.poll() is None
            state = json.loads(reply(address, "/debug/pprof/stats").body)
            assert (state["pid"], state["program"], state["heap"]["active"]) == (stuck.pid, "is_stuck.py", True)
        finally:
            stuck.kill()


# ---- Nothing remains


@pytest.mark.usefixtures("echo")
def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    before = descriptors(), threads()
    for _ in range(5):
        with spprof.listen() as one, spprof.listen("127.0.0.1:0", token=TOKEN), spprof.listen(tmp_path / "a.sock"):
            assert reply(one.address, "/a").status == 200
    ends_at = time.monotonic() + PATIENCE
    while (descriptors(), threads()) != before and time.monotonic() < ends_at:
        assert _engine.background_stop(PATIENCE)
    assert (descriptors(), threads()) == before


@pytest.mark.usefixtures("echo")
def test_nobody_wakes_up_while_nobody_asks() -> None:
    """The kernel's counters show whether each of our threads wakes up. Earlier requests may take a while to finish."""
    address = spprof.listen().address
    assert reply(address, "/a").status == 200
    ours = threads()
    assert len(ours) == 2
    for _ in range(WINDOWS):
        before = {thread: switches(thread) for thread in ours}
        for _ in range(ROUNDS):
            pass
        if {thread: switches(thread) for thread in ours} == before:
            return
    pytest.fail("there is no moment at which none wakes up")


def switches(thread: str) -> int:
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)


@pytest.mark.usefixtures("echo")
def test_a_program_that_closes_what_it_does_not_know_goes_on(tmp_path: Path) -> None:
    made = spprof.listen()
    waiting = connected(made.address)
    ours = {int(one) for one in descriptors() if int(one) >= 40}
    for number in ours - {waiting.fileno()}:
        with contextlib.suppress(OSError):  # the listener closes the rest as soon as it notices
            os.close(number)
    files = [(tmp_path / f"{number}").open("wb") for number in range(len(ours))]
    for file in files:
        os.dup2(file.fileno(), 40 + files.index(file))
    with pytest.raises((ConnectionError, FileNotFoundError)):
        reply(made.address, "/a")
    made.close()
    assert all(os.fstat(40 + number).st_size == 0 for number in range(len(files)))
    for number in range(len(files)):
        os.close(40 + number)
        files[number].close()
    assert reply(spprof.listen().address, "/a").status == 200
    waiting.close()


def test_forks_and_other_programs_inherit_nothing(child: Child) -> None:
    """CPython 3.12 and later warn about a fork while other threads exist."""
    done = child.attempt(specimen("listen/forks_and_programs"), environment={"PYTHONWARNINGS": "error"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing is inherited", "")


# ---- spprof run --listen


@pytest.mark.parametrize("way", ["run", "SPPROF"])
def test_each_process_of_a_run_listens_for_itself(way: str, place: Place) -> None:
    program = str(specimen("listen/run_forks"))
    if way == "run":
        done = place.run(program, options=("--listen",), environment={"PYTHONPATH": str(HELPERS)})
    else:
        variables = {"PYTHONPATH": str(HELPERS), "SPPROF": f"heap=64,out={place.folder}/,listen"}
        done = place.call([sys.executable, program], environment=variables)
    assert (done.returncode, done.stdout) == (0, "200\n200\nTrue\n"), done.stderr
    assert "--listen" not in done.stderr
    assert list(Path(os.environ["XDG_RUNTIME_DIR"], "spprof").iterdir()) == []


def test_a_run_listens_where_it_is_told(place: Place) -> None:
    variables = {"PYTHONPATH": str(HELPERS), "SPPROF_TOKEN": TOKEN, "PORT": str(free_port())}
    program = """
        import os
        from asked import reply

        print(reply(f"127.0.0.1:{os.environ['PORT']}", "/debug/pprof/heap?token=" + os.environ["SPPROF_TOKEN"]).status)
    """
    place.write(program)
    address = f"127.0.0.1:{variables['PORT']}"
    done = place.run(str(place.script), options=("--listen", address), environment=variables)
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
    assert TOKEN not in done.stderr


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:99999", "is not an address"),
        ("203.0.113.7:1", "this machine has no such address"),
        ("/proc/nothing/x.sock", "its folder does not exist"),
    ],
)
def test_where_a_run_cannot_listen_the_program_runs_and_it_is_told(address: str, words: str, place: Place) -> None:
    place.write("print('ran')")
    done = place.run(str(place.script), options=(f"--listen={address}",))
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert [line for line in done.stderr.splitlines() if words in line and "--listen" in line] != []


def test_what_is_no_address_is_refused_before_the_program_runs(place: Place) -> None:
    done = place.run(str(place.script), options=("--listen=here",))
    assert done.returncode == 2
    assert "numeric address with a port" in done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port
