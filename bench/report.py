"""The HTML page of a large profile in Chromium, compared with memray's flame graph and speedscope.

python bench/report.py

The profile has 50 000 unique stacks of 40 frames (bench/stacks.py). memray traces a program with the same number of
stacks, made in the same way. Printed for each page: its size, the time from its request to the first picture, the
memory of its process, and, for clicks and keys, the time from the event to the frame that shows its effect. Chromium is
the system's, or the one in build/deps/chromium (`make build/deps/chromium`). Missing programs are named. Without a
graphics card, the CPU draws the pictures. All times in the browser are the best of ROUNDS.

python bench/report.py series

This measures only the page of a series: SNAPSHOTS snapshots of SERIES_STACKS such stacks, a sixth of which change from
one snapshot to the next.
"""

from __future__ import annotations

import base64
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Callable

import files
import stacks
from spprof.analysis.sample_weights import weight
from spprof.heap.snapshot import HeapSnapshot
from spprof.pprof.profile import HEAP_TYPES, Label, Location, Profile, Sample
from spprof.records import replace
from spprof.report.build import report_of
from spprof.report.history import Moment, SeriesSums
from spprof.report.page import written
from spprof.text import human_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import chromium

ROUNDS = 3
SNAPSHOTS = 60
SERIES_STACKS = 20_000
EVERY_MS = 10_000
SPEEDSCOPE = "speedscope@1.25.0"
LIBRARY = re.compile(r"https://[^\s\"']*?/npm/([\w.-]+)@([\d.]+)/")
Do = Callable[[chromium.Tab], None]

TIMED = """
for (const kind of ["click", "input", "change", "keydown", "pointerup"]) {
  addEventListener(kind, (event) => {
    const { port1, port2 } = new MessageChannel(), began = event.timeStamp;
    port2.onmessage = () => { window.took = performance.now() - began; };
    requestAnimationFrame(() => port1.postMessage(0));
  }, true);
}
"""
"""Records the time from an event to the end of the event's own work and of the frame that shows it."""


class Measured:
    """One page in the browser."""

    def __init__(self, browser: chromium.Chromium, address: str, ready: str, doing: dict[str, Do]) -> None:
        self._browser = browser
        self._address, self._ready, self._doing = address, ready, doing

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the measurements and their values."""
        first, memory = [], 0
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in self._doing}
        for _ in range(ROUNDS):
            tab = chromium.Tab(self._browser, 1280, 900)
            tab.open(self._address, self._ready)
            first.append(tab.run("new Promise((done) => requestAnimationFrame(() => done(performance.now())))"))
            memory = max(memory, self._resident_bytes())
            tab.run(TIMED)
            for name, do in self._doing.items():
                took[name].append(self._time_of(tab, do))
            tab.close()
        yield "first picture", f"{min(first):8.0f} ms"
        for name, times in took.items():
            shown, used = map(min, zip(*times))
            yield name, f"{shown:8.0f} ms ({used:.0f} ms CPU)"
        yield "memory of its process", human_bytes(memory)

    def _time_of(self, tab: chromium.Tab, do: Do) -> tuple[float, float]:
        """Return the milliseconds until the effect is shown, and for how many of them the page's thread was running."""
        tab.run("window.took = null")
        before = self._processor_ns()
        do(tab)
        tab.wait("window.took !== null")
        used = (self._processor_ns() - before) / 1e6
        return float(tab.run("window.took")), used

    def _processor_ns(self) -> int:
        """Return the CPU time of all pages' main threads."""
        return sum(int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) for pid in self._pages())

    def _pages(self) -> list[int]:
        processes = self._browser.call("SystemInfo.getProcessInfo")["processInfo"]
        return [process["id"] for process in processes if process["type"] == "renderer"]

    def _resident_bytes(self) -> int:
        """Return the resident bytes of the largest process that shows pages."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self._pages()]
        return max(int(text.partition("VmRSS:")[2].split()[0]) * 1024 for text in texts)


def click_at(x: int, y: int) -> Do:
    """Return an action that clicks at a position in the picture."""
    return lambda tab: tab.click(x, y)


def click_on(selector: str) -> Do:
    return lambda tab: tab.click_on(selector)


def searched(tab: chromium.Tab) -> None:
    tab.run("document.querySelector('#search').focus()")
    tab.type("Module7.function_12")


def saved(path: Path) -> str:
    """Save the snapshot, and return how long saving took."""
    snapshot = the_snapshot()
    return files.best(files.resource.RUSAGE_SELF, lambda: snapshot.save(path), rounds=1)


@lru_cache(maxsize=1)
def the_snapshot() -> HeapSnapshot:
    return stacks.snapshot_of(stacks.tree_of_stacks())


def our_page(browser: chromium.Chromium, folder: Path) -> Iterator[tuple[str, str]]:
    """The report of the snapshot."""
    path = folder / "heap.html"
    yield "written in", saved(path)
    yield "file", human_bytes(path.stat().st_size)
    doing = {
        "zoom by a click": click_box,
        "reset by Esc": lambda tab: tab.press("Escape"),
        "search": searched,
        "search ended by Esc": lambda tab: tab.press("Escape"),
        "invert": click_on("#invert"),
        "zoom, inverted": click_box,
        "inverted back": click_on("#invert"),
        "allocated": click_on("#groups label:nth-of-type(2) span"),
        "callers and callees": click_on("#rows .around"),
        "back": click_on("#leave"),
        "objects": click_on("#measures label:nth-of-type(2) span"),
        "sort by total": click_on("#columns [data-key=total]"),
        "100 more rows": click_on("#more"),
    }
    ready = "performance.getEntriesByName('spprof:drawn').length"
    yield from Measured(browser, f"file://{path}", ready, doing).lines()


def page_of_a_series(browser: chromium.Chromium, folder: Path) -> Iterator[tuple[str, str]]:
    """The report of a series."""
    path = folder / "series.html"
    numbers: dict[Location, int] = {}
    header = Profile(
        HEAP_TYPES, [], [], default_type="inuse_space", period=stacks.RATE, time_ns=1_790_000_000 * 10**9,
        comments=(f"rss: {400 << 20}", f"pss: {390 << 20}"),
    )  # fmt: skip
    moments: list[Moment] = []
    rows: dict[int, tuple[Sample, ...]] = {}
    sums, took = SeriesSums(numbers), 0
    for at, rows in enumerate(states_of_a_series(numbers)):
        began = time.process_time_ns()
        moment = sums.moment(header, rows, EVERY_MS * at)
        took += time.process_time_ns() - began
        moments.append(moment._replace(time_ns=header.time_ns + 10**6 * moment.monotonic_ms))
    yield "sums", f"{took / 1e9:8.2f} s CPU"
    last = replace(header, locations=list(numbers), samples=[row for of_stack in rows.values() for row in of_stack])

    def save() -> None:
        path.write_bytes(b"".join(written(report_of(last, moments=moments))))

    yield "written in", files.best(files.resource.RUSAGE_SELF, save, rounds=1)
    yield "file", human_bytes(path.stat().st_size)
    doing = {
        "drag over a range": lambda tab: drag_between(tab, 0.2, 0.7),
        "zoom by a click": click_box,
        "reset by Esc": lambda tab: tab.press("Escape"),
        "everything by Esc": lambda tab: tab.press("Escape"),
    }
    ready = "performance.getEntriesByName('spprof:drawn').length"
    yield from Measured(browser, f"file://{path}", ready, doing).lines()


def states_of_a_series(numbers: dict[Location, int]) -> Iterator[dict[int, tuple[Sample, ...]]]:
    """Yield the rows of each snapshot by stack. A stack has up to three blocks with different allocation times.
    ``numbers`` receives the locations.
    """
    chance = random.Random(2)
    places = [
        tuple(numbers.setdefault(Location((frame,), -1, 0), len(numbers)) for frame in stack)
        for stack in stacks.tree_of_stacks(stacks=SERIES_STACKS)
    ]
    rows: dict[int, tuple[Sample, ...]] = {}
    for at in range(SNAPSHOTS):
        for number in range(SERIES_STACKS) if at == 0 else chance.sample(range(SERIES_STACKS), SERIES_STACKS // 6):
            size = max(1, int(chance.lognormvariate(6, 2)))
            one = weight(size, stacks.RATE)
            labels = (
                Label("bytes", None, size, "bytes"),
                Label("thread", f"worker {number % 8}"),
                Label("rate", None, stacks.RATE, "bytes"),
                Label("allocated_by", None, EVERY_MS * at, "milliseconds"),
            )
            row = Sample(places[number], (round(one.objects), round(one.bytes)) * 2, labels)
            rows[number] = (*rows.get(number, ())[-2:], row)
        yield dict(rows)


def drag_between(tab: chromium.Tab, start: float, end: float) -> None:
    """Drag over a range of time, given as two shares of the picture's width."""
    left, top, width = tab.run(
        "(() => { timeline.scrollIntoView(); const { x, y, width } = timeline.getBoundingClientRect(); "
        "return [x, y, width]; })()"
    )
    tab.drag((left + start * width, top + 20), (left + end * width, top + 20))


def click_box(tab: chromium.Tab) -> None:
    """Click the first call that shares its row with others."""
    tab.run("document.getElementById('graph').scrollIntoView()")
    place = tab.run(
        "(() => { const { graph } = report, at = document.getElementById('canvas').getBoundingClientRect(); "
        "const box = (graph.rows.find((row) => row.length > 1) ?? graph.rows.at(-1))[0]; "
        "const row = graph.rows.findIndex((row) => row.includes(box)); "
        "graph.frame.scrollTop = Math.max(0, row * 21 - 100); "
        "return [at.x + (box.left + box.right) / 2, at.y + row * 21 + 10 - graph.frame.scrollTop]; })()"
    )
    tab.click(*place)


def memray_page(browser: chromium.Chromium, folder: Path) -> Iterator[tuple[str, str]]:
    """memray's flame graph."""
    try:
        python, capture = files.memray_capture(folder, stacks.STACKS)
    except OSError as error:
        yield "unavailable", str(error)
        return
    path = folder / "memray.html"
    command = [str(python), "-m", "memray", "flamegraph", "-f", "-o", str(path), str(capture)]
    yield "written in", files.best_of_command(command, rounds=1)
    yield "file", human_bytes(path.stat().st_size)
    try:
        make_local(path, folder)
    except (OSError, subprocess.CalledProcessError) as error:
        yield "without a network", f"the page draws nothing, and its libraries are unavailable: {error}"
        return
    ready = "document.querySelectorAll('#chart svg g rect').length > 1"
    yield from Measured(browser, f"file://{path}", ready, {"zoom by a click": click_at(300, 400)}).lines()


def make_local(path: Path, folder: Path) -> None:
    """Make the page load its libraries from an installed copy instead of a network."""
    text = path.read_text()
    wanted = sorted(set(LIBRARY.findall(text)))
    npm_install(folder, *(f"{name}@{version}" for name, version in wanted))
    path.write_text(LIBRARY.sub(r"node_modules/\1/", text))


def npm_install(folder: Path, *packages: str) -> None:
    """Install packages. Raise OSError or CalledProcessError if that is impossible here."""
    (folder / "package.json").write_text("{}")
    options = "--silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps".split()
    subprocess.run(["npm", "install", *options, *packages], cwd=folder, check=True, capture_output=True)


def speedscope_page(browser: chromium.Chromium, folder: Path) -> Iterator[tuple[str, str]]:
    """speedscope, with our own file for it."""
    try:
        npm_install(folder, SPEEDSCOPE)
    except (OSError, subprocess.CalledProcessError) as error:
        yield "unavailable", str(error)
        return
    path = folder / "heap.json"
    yield "written in", saved(path)
    yield "file", f"{human_bytes(path.stat().st_size)}, and the viewer"
    content = base64.b64encode(path.read_bytes()).decode()
    (folder / "heap.js").write_text(f"speedscope.loadFileFromBase64('heap.json', '{content}')")
    page = folder / "node_modules" / "speedscope" / "dist" / "release" / "index.html"
    address = f"file://{page}#localProfilePath={folder / 'heap.js'}"
    ready = "document.body.innerText.includes('Left Heavy')"
    yield from Measured(browser, address, ready, {"left heavy, by a key": lambda tab: tab.press("2")}).lines()


def main() -> None:
    found = chromium.find()
    if found is None:
        sys.exit("chromium is missing: make build/deps/chromium, or on Debian and Ubuntu apt-get install chromium")
    pages = (
        (page_of_a_series,)
        if sys.argv[1:] == ["series"]
        else (our_page, page_of_a_series, speedscope_page, memray_page)
    )
    for page in pages:
        with tempfile.TemporaryDirectory() as folder, chromium.started(*found) as browser:
            print((page.__doc__ or "").strip())
            try:
                for name, much in page(browser, Path(folder)):
                    print(f"  {name:<24}{much}", flush=True)
            except chromium.BrowserError as error:
                print(f"  {'ended':<24}{error}")


if __name__ == "__main__":
    main()
