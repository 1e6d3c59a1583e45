"""Lets a scraper that uses Prometheus's Go client library pull the heap of a small service.

python tests/nightly/scrape_service.py [SECONDS [EVERY]]     default: 300 and 15, and a row of SCRAPES.md

The service listens on TCP. After each answer, its descriptors are counted and its memory is read. The exit status is 1
if an answer is not a valid profile, or if the service has grown. It has grown if the minimum number of descriptors in
the last quarter of the answers exceeds the maximum in the first, or if its minimum memory in the last quarter exceeds
the maximum in the second by more than GROWTH_MOST. The scraper, tests/nightly/scraper, is built by Go, which downloads
the library.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "nightly" / "SCRAPES.md"
SCRAPER = ROOT / "tests" / "nightly" / "scraper"
SERVICE = ROOT / "tests" / "specimens" / "scraped_service" / "service.py"
BUILT = ROOT / "build" / "scraper"
GROWTH_MOST = 1 << 20
COLUMNS = (
    "date",
    "machine",
    "answers",
    "every",
    "bytes each",
    "longest answer",
    "descriptors",
    "RSS",
    "growth",
    "result",
)

HEAD = """# A service whose heap is scraped

`make scrape-service` adds a row. A scraper written with Prometheus's Go client library (`common/config`) and pprof's
own reader pulls `/debug/pprof/heap` over TCP, with a bearer token, from a service of four threads that allocate and
free.

- *Descriptors*, *RSS*: those of the service after the first and after the last answer, including any connection that is
  just being closed.
- *Growth*: the smallest RSS in the last quarter of the answers minus the largest in the second quarter.

"""


def built() -> Path:
    """Return the scraper's program. Raise SystemExit if Go is not installed."""
    go = shutil.which("go")
    if go is None:
        raise SystemExit("go is not here; on Debian and Ubuntu: apt-get install golang-go")
    BUILT.parent.mkdir(exist_ok=True)
    subprocess.run([go, "build", "-o", BUILT, "."], cwd=SCRAPER, check=True)
    return BUILT


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def scraped(seconds: float, every: float) -> tuple[list[dict[str, int]], int, str]:
    """Return the figures after each answer, the scraper's status, and its error messages."""
    token = secrets.token_hex(16)
    scraper = built()
    seen: list[dict[str, int]] = []
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SPPROF")}
    with subprocess.Popen(
        [sys.executable, SERVICE, token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as service:
        assert service.stdin
        assert service.stdout
        address = f"http://{service.stdout.readline().decode().strip()}/debug/pprof/heap"
        times = round(seconds / every)
        with subprocess.Popen(
            [scraper, address, token, f"{every}s", str(times)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as asking:
            assert asking.stdout
            assert asking.stderr
            for line in asking.stdout:
                behind = {"rss": resident(service.pid), "descriptors": descriptors(service.pid)}
                seen.append({**json.loads(line), **behind})
                print(seen[-1], flush=True)
            told = asking.stderr.read().decode()
        service.stdin.close()
        service.wait(60)
    return seen, asking.returncode or service.returncode or int(len(seen) != times), told


def growth(seen: list[dict[str, int]], what: str, skipped: int) -> int:
    """Return the minimum of the last quarter minus the maximum of the quarter after the first ``skipped`` quarters."""
    quarter = max(len(seen) // 4, 1)
    before, behind = seen[skipped * quarter : (skipped + 1) * quarter] or seen, seen[-quarter:]
    return min(one[what] for one in behind) - max(one[what] for one in before)


def main() -> int:
    """Run the service and the scraper, and return the exit status."""
    words = sys.argv[1:]
    seconds, every = float(words[0]) if words else 300.0, float(words[1]) if len(words) > 1 else 15.0
    seen, status, told = scraped(seconds, every)
    if status or not seen:
        print(f"the scraper or the service failed after {len(seen)} answers: {told.strip()}")
        return 1
    grown, first, last = growth(seen, "rss", skipped=1), seen[0], seen[-1]
    is_good = grown <= GROWTH_MOST and growth(seen, "descriptors", skipped=0) <= 0
    row = (
        datetime.date.today().isoformat(),
        f"{platform.machine()}, Python {platform.python_version()}",
        str(len(seen)),
        f"{every:g} s",
        f"{min(one['bytes'] for one in seen)} - {max(one['bytes'] for one in seen)}",
        f"{max(one['ms'] for one in seen)} ms",
        f"{first['descriptors']} - {last['descriptors']}",
        f"{mebibytes(first['rss'])} - {mebibytes(last['rss'])}",
        mebibytes(grown),
        "good" if is_good else "GREW",
    )
    print(" | ".join(row))
    if not words:
        keep(row)
    return int(not is_good)


def keep(row: tuple[str, ...]) -> None:
    """Add a row to the table."""
    text = TABLE.read_text() if TABLE.exists() else f"{HEAD}| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    TABLE.write_text(f"{text}| {' | '.join(row)} |\n")


if __name__ == "__main__":
    sys.exit(main())
