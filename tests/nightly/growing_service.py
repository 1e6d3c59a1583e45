"""Runs gunicorn with a Flask application that leaks 1 MiB a minute amid 50 MB/s of churn, and checks what grows.

python tests/nightly/growing_service.py [MINUTES [RATE_KB...]]     default: 10 minutes, 512 and 64, and a table

The services run side by side. The table, tests/nightly/GROWING.md, has a row for each sampling interval. The pages are
kept in build/growing. The exit status is 1 if the leaking line is not the first one that grows.
"""

from __future__ import annotations

import datetime
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "helpers"))
sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import markdown_tables  # noqa: E402
import workers  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "GROWING.md"
APP = ROOT / "tests" / "specimens" / "growing_service"
PAGES = ROOT / "build" / "growing"
LEAK_A_SECOND = 2**20 / 60
REQUESTS_A_SECOND = 10
COLUMNS = ("interval", "first site", "verdict", "rate a minute", "95 % interval", "truth inside", "live samples of it",
           "snapshots", "folder", "page")  # fmt: skip

HEAD = """# Which line of a service grows

`make growing-service` writes this table. gunicorn with one worker (`--preload`) serves a Flask application that leaks 1
MiB a minute on one line, in blocks of 1 KiB, and allocates 50 MB/s that it frees with each answer. It runs under
`spprof run --every 10 --keep 60 -o DIR/`; at the end, `spprof growth DIR/` is run.

"""


def ask(port: int, until: float, failures: list[str]) -> None:
    """Send requests at a steady pace."""
    due = time.monotonic()
    while due < until:
        time.sleep(max(due - time.monotonic(), 0))
        due += 1 / REQUESTS_A_SECOND
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            failures.append(str(answer.status))


def serve(python: Path, rate_kb: int, minutes: float, folder: Path, failures: list[str]) -> None:
    """Run the service for this many seconds, with the series in ``folder``."""
    variables = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SPPROF")}
    variables.update(
        PYTHONPATH=str(APP), LEAK_A_SECOND=str(LEAK_A_SECOND), PYTHONWARNINGS="error::DeprecationWarning:os"
    )
    with socket.create_server(("127.0.0.1", 0), backlog=128) as door:
        words = [
            *(str(python), "-m", "spprof", "run", "--every", "10", "--keep", "60", "--rate-kb", str(rate_kb)),
            *("-o", f"{folder}/series/", "gunicorn", "--workers", "1", "--preload", "--log-level", "warning"),
            *("--bind", f"fd://{door.fileno()}", "app:app"),
        ]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[door.fileno()], start_new_session=True,
            )  # fmt: skip
            ask(door.getsockname()[1], time.monotonic() + 60 * minutes, failures)
            server.send_signal(signal.SIGTERM)
            server.wait(600)
    lines = (folder / "log").read_text(encoding="utf-8").splitlines()
    failures += [line for line in lines if not line.startswith("spprof: ")]


def spprof(python: Path, *words: str) -> str:
    return subprocess.run([str(python), "-m", "spprof", *words], capture_output=True, text=True, check=True).stdout


def mebibytes(count: float) -> str:
    return f"{count / 2**20:.2f} MiB"


def judged(python: Path, rate_kb: int, folder: Path) -> tuple[list[str], bool]:
    """Return the row, and True if the leaking line is the first one that grows and has the true rate."""
    series = folder / "series"
    told = json.loads(spprof(python, "growth", "--json", str(series)))
    worker = max(told["series"], key=lambda one: one["live_bytes"])
    first = worker["sites"][0]
    own = folder / "worker"
    own.mkdir()
    for path in series.glob(f"{worker['name']}.*"):
        shutil.copy(path, own)
    page = PAGES / f"{rate_kb}.html"
    spprof(python, "flamegraph", "-f", "-o", str(page), str(own))
    samples = json.loads(spprof(python, "table", "--json", str(own)))["sites"]
    of_it = [one for one in samples if one["function"] == first["function"] and one["line"] == first["line"]]
    size = sum(path.stat().st_size for path in own.iterdir())
    low, rate, high = (first[key] or 0.0 for key in ("low", "bytes_per_second", "high"))
    inside = low <= LEAK_A_SECOND <= high
    cells = [
        f"{rate_kb} KiB", f"{first['function']} ({Path(first['file']).name}:{first['line']})", first["verdict"],
        mebibytes(60 * rate), f"{mebibytes(60 * low)} - {mebibytes(60 * high)}", "yes" if inside else "no",
        str(sum(one.get("samples", 0) for one in of_it)), str(worker["snapshots"]), f"{size / 1024:.0f} KiB",
        f"{page.stat().st_size / 1024:.0f} KiB",
    ]  # fmt: skip
    return cells, first["function"] == "leak" and first["verdict"] == "growing" and inside


def main() -> None:
    minutes = float(sys.argv[1]) if sys.argv[1:] else 10.0
    rates = [int(word) for word in sys.argv[2:]] or [512, 64]
    place = ROOT / "build" / "growing-service"
    shutil.rmtree(place, ignore_errors=True)
    PAGES.mkdir(parents=True, exist_ok=True)
    place.mkdir(parents=True)
    python = workers.environment_with(place / "environment", ("gunicorn", "flask"))
    failures: list[str] = []
    threads = []
    for rate in rates:
        (place / str(rate)).mkdir()
        threads.append(threading.Thread(target=serve, args=(python, rate, minutes, place / str(rate), failures)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [judged(python, rate, place / str(rate)) for rate in rates]
    lines = [
        f"## CPython {platform.python_version()}, {datetime.date.today().isoformat()}: {minutes:g} minutes",
        "",
        *markdown_tables.table(COLUMNS, [cells for cells, _ in found]),
    ]
    print(*lines, *failures[:10], sep="\n")
    if not sys.argv[1:]:
        TABLE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(0 if all(good for _, good in found) and not failures else 1)


if __name__ == "__main__":
    main()
