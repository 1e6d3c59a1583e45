"""Multi-process programs in which one process leaks at one line. Does ``spprof run``'s output point to that line?"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import spprof

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_SECONDS = 600
SPECIMENS = Path(__file__).parents[1] / "specimens" / "every_worker"
TRUTH_BYTES = 60_000_000
"""The bytes that ``leak.py`` keeps."""
_DOOR = "{door}"
_ASKED = 12
"""The number of requests before and after the leaking one, which keep other workers busy too."""


@dataclass(frozen=True)
class Case:
    """One program. ``words`` is its command after ``spprof run``; ``packages`` are the packages that it needs."""

    name: str
    words: tuple[str, ...]
    packages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Options of ``spprof run``."""
    kind: str = "program"
    """A ``program`` prints the pid and ends; a ``server`` receives HTTP requests; ``celery`` is used through a client.
    """
    ends_by: signal.Signals = signal.SIGTERM
    ends_the_leaker: bool = False
    """True if the signal goes to the leaking process, whose termination ends the others."""


def _pools() -> Iterator[Case]:
    for kind in ("pool", "executor"):
        for method in ("fork", "spawn", "forkserver"):
            yield Case(f"{kind} {method}", ("pool.py", kind, method))


PLAIN = [
    *_pools(),
    Case("subprocess", ("programs.py", "subprocess")),
    Case("shell pipeline", ("programs.py", "shell")),
    Case("os.posix_spawn", ("programs.py", "posix_spawn")),
    Case("execv of itself", ("programs.py", "execv")),
    Case("fork and execv", ("programs.py", "fork and execv")),
    Case("daemon", ("programs.py", "daemon")),
]
"""Programs that need only the standard library."""


def _gunicorn(*options: str) -> Case:
    words = ("gunicorn", "--workers", "3", *options, "--bind", f"fd://{_DOOR}", "--log-level", "warning", "web:wsgi")
    return Case(f"gunicorn {' '.join(options)}", words, ("gunicorn", "gevent"), kind="server")


_CELERY = ("celery", "-A", "celery_app", "worker", "--pool", "prefork", "--concurrency", "3", "--loglevel", "WARNING")

OF_PACKAGES = [
    _gunicorn("-k", "sync"),
    _gunicorn("-k", "gthread", "--threads", "2"),
    _gunicorn("-k", "gevent"),
    _gunicorn("-k", "sync", "--preload"),
    _gunicorn("-k", "gthread", "--threads", "2", "--preload"),
    Case("uvicorn --workers 2", ("uvicorn", "--workers", "2", "--fd", _DOOR, "--log-level", "warning", "web:asgi"),
         ("uvicorn",), kind="server"),
    # At Ctrl-C, its parent (subprocess.run) gives it a quarter of a second and then kills it.
    Case("Django runserver with its reloader", ("django_site.py", "runserver", "127.0.0.1:{port}"), ("django",),
         kind="server", ends_by=signal.SIGINT, ends_the_leaker=True),
    Case("celery prefork", _CELERY, ("celery",), kind="celery"),
    Case("loky", ("of_packages.py", "loky"), ("loky",)),
    Case("Dask LocalCluster", ("of_packages.py", "dask"), ("dask", "distributed")),
    # Ray's workers end with _exit in C++, and no Python code runs before that.
    Case("Ray", ("of_packages.py", "ray"), ("ray",), options=("--every", "1")),
]  # fmt: skip
"""Programs that need packages; each set of packages gets its own environment."""


@dataclass
class Found:
    """The final output of a run, and the line that it points to."""

    case: Case
    pid: int
    said: str
    command: str
    rows: list[dict[str, object]]
    """Rows of the command that the output names, in the form that --json prints."""
    by_process: str
    is_found: bool
    """True if the named file belongs to the leaking process and the file's first row is the leaking line."""


def environment_with(folder: Path, packages: tuple[str, ...], python: str = sys.executable) -> Path:
    """Create an environment with these packages, and with ours added by path. Return its interpreter."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    found = folder / "bin" / "python"
    pip = [str(found), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages]
    subprocess.run(pip, check=True)
    purelib = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    ours = Path(spprof.__file__).parents[1]
    (purelib / "ours.pth").write_text(f"{ours}\n")  # its name sorts before the next one
    shutil.copy(ours / "spprof.pth", purelib)
    return found


def find(case: Case, folder: Path, python: str | Path = sys.executable) -> Found:
    """Run the program in a new folder, and then run the command in the last lines of its output."""
    folder.mkdir(parents=True)
    log = folder / "log"
    with log.open("w") as output:
        pid = _run_to_its_end(
            case, folder, [str(python), "-m", "spprof", "run", "-o", "a.pb.gz", *case.options], output
        )
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.partition("spprof: ")[2] for line in said.splitlines() if line.startswith("spprof: ")]
    commands = [line.partition(": ")[2] for line in lines if line.startswith("view the largest with: ")]
    all_of_them = [line.partition(": ")[2] for line in lines if line.startswith("compare them with: ")]
    if len(commands) != 1 or len(all_of_them) != 1:
        return Found(case, pid, said, "", [], "", False)
    rows = json.loads(_typed(python, f"{commands[0]} --json", folder))["sites"]
    by_process = _typed(python, all_of_them[0], folder)
    is_named = commands[0] == f"spprof table a.{pid}.pb.gz"
    is_first = f"process {pid} " in f"{by_process.splitlines()[2]} "
    is_found = is_named and is_first and _is_leak(rows)
    return Found(case, pid, said, commands[0], rows, by_process, is_found)


def _is_leak(rows: list[dict[str, object]]) -> bool:
    first = rows[0] if rows else {}
    return first.get("function") == "leak" and str(first.get("file")).endswith("/leak.py")


def _typed(python: str | Path, command: str, folder: Path) -> str:
    finished = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m {command}', str(python)],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True,
    )  # fmt: skip
    return finished.stdout


def _run_to_its_end(case: Case, folder: Path, run: list[str], output: IO[str]) -> int:
    """Run the program to its end and return the pid of the process that leaked."""
    words = [str(SPECIMENS / word) if word.endswith(".py") else word for word in case.words]
    variables = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SPPROF")}
    variables.update(PYTHONPATH=str(SPECIMENS), BROKER_FOLDER=str(folder))
    if case.kind == "program":
        finished = subprocess.run(
            [*run, *words], cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=output, text=True, timeout=TIMEOUT_SECONDS, check=True,
        )  # fmt: skip
        return int(finished.stdout.split()[-1])
    # The socket is already listening, so clients that connect before the server starts wait in it. Django binds the
    # port itself.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as door:
        port = door.getsockname()[1]
        kept = [door.fileno()] if _DOOR in " ".join(words) else []
        if not kept:
            door.close()
        words = [word.replace(_DOOR, str(door.fileno())).replace("{port}", str(port)) for word in words]
        for name in ("queue", "control", "results"):
            (folder / name).mkdir()
        server = subprocess.Popen(
            [*run, *words], cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=kept, start_new_session=True,
        )  # fmt: skip
        try:
            pid = _with_celery(run[0], folder, variables) if case.kind == "celery" else _over_http(port, server)
            os.kill(pid if case.ends_the_leaker else server.pid, case.ends_by)
            server.wait(TIMEOUT_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    return pid


def _with_celery(python: str, folder: Path, variables: dict[str, str]) -> int:
    client = [python, str(SPECIMENS / "celery_app.py")]
    finished = subprocess.run(
        client, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        timeout=TIMEOUT_SECONDS, check=True,
    )  # fmt: skip
    return int(finished.stdout)


def _over_http(port: int, server: subprocess.Popen[str]) -> int:
    for _ in range(_ASKED):
        _ask(port, "/", server)
    leaker = _ask(port, "/leak", server)
    for _ in range(_ASKED):
        _ask(port, "/", server)
    return leaker


def _ask(port: int, path: str, server: subprocess.Popen[str]) -> int:
    """Send a request and return the pid of the process that answered."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", path)
        except ConnectionRefusedError:
            if server.poll() is not None or time.monotonic() > ends:
                raise
            time.sleep(0.05)  # between two attempts to reach a server that binds its own port
            continue
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise AssertionError(body)
        return int(body)
