"""From the last lines of a run to the worker that leaks, in one step: real servers and pools of forked processes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import spprof
from child import TIMEOUT_SECONDS

SPECIMENS = Path(__file__).parent.parent / "specimens" / "servers"
WORKERS = 3


def leads_to_the_leak(said: str, folder: Path, pid: int, python: str | Path, file: str) -> None:
    """Checks the end of a run that said ``said``, and types the command that stands there."""
    lines = [line.partition("spprof: ")[2] for line in said.splitlines()]
    headings = [at for at, line in enumerate(lines) if line.endswith("processes wrote files, the largest first:")]
    assert len(headings) == 1, said
    largest = lines[headings[0] + 1].split()[-1]
    assert largest == f"a.{pid}.pb.gz", said
    command = next(line.partition(": ")[2] for line in lines if line.startswith("the largest: "))
    assert command == f"spprof table {largest}"
    table = subprocess.run(
        [str(python), "-m", *command.split()],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True,
    ).stdout  # fmt: skip
    assert f"leak ({file}:" in table.splitlines()[2], table


@pytest.mark.long
@pytest.mark.parametrize("kind", ["pool", "executor"])
def test_the_end_of_a_run_leads_to_the_worker_of_a_pool(tmp_path: Path, kind: str):
    finished = subprocess.run(
        [sys.executable, "-m", "spprof", "run", "-o", "a.pb.gz", str(SPECIMENS / "leaky_pool.py"), kind],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True,
    )  # fmt: skip
    leads_to_the_leak(finished.stderr, tmp_path, int(finished.stdout), sys.executable, "leaky_pool.py")


@pytest.fixture(scope="module")
def environment_with_gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with gunicorn and gevent, in which this package is found."""
    folder = tmp_path_factory.mktemp("servers") / "env"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "gunicorn", "gevent"]
    subprocess.run(pip, check=True)
    purelib = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (purelib / "ours.pth").write_text(f"{Path(spprof.__file__).parents[1]}\n")
    return python


def ask(port: int, path: str) -> int:
    """The pid of the worker that answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200, body
    return int(body)


@pytest.mark.packaging
@pytest.mark.nightly
@pytest.mark.parametrize(
    "options",
    [
        ("-k", "sync"),
        ("-k", "gthread", "--threads", "2"),
        ("-k", "gevent"),
        ("-k", "sync", "--preload"),
        ("-k", "gthread", "--threads", "2", "--preload"),
    ],
    ids=["sync", "gthread", "gevent", "sync-preload", "gthread-preload"],
)
def test_the_end_of_a_run_leads_to_the_worker_of_gunicorn(
    tmp_path: Path, environment_with_gunicorn: Path, options: tuple[str, ...]
):
    python, log = environment_with_gunicorn, tmp_path / "log"
    # Listening already: who comes before the server has begun waits in it.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as door, log.open("w") as output:
        port, handle = door.getsockname()[1], door.fileno()
        server = subprocess.Popen(
            [str(python), "-m", "spprof", "run", "-o", "a.pb.gz", "gunicorn", "--workers", str(WORKERS), *options,
             "--bind", f"fd://{handle}", "--log-level", "warning", "leaky:application"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SPECIMENS)}, stdout=output, stderr=output,
            pass_fds=[handle],
        )  # fmt: skip
        try:
            seen = {ask(port, "/") for _ in range(20)}
            leaker = ask(port, "/leak")
            seen |= {ask(port, "/") for _ in range(20)}
            server.send_signal(signal.SIGTERM)
            assert server.wait(TIMEOUT_SECONDS) == 0, log.read_text()
        finally:
            server.kill()
    assert leaker in {int(path.name.split(".")[1]) for path in tmp_path.glob("a.*.pb.gz") if path.name != "a.pb.gz"}
    leads_to_the_leak(log.read_text(), tmp_path, leaker, python, "leaky.py")
