"""The HTML page of a large profile in Chromium, beside memray's flame graph and speedscope.

python bench/report.py

50 000 unique stacks of 40 frames (bench/stacks.py). memray traces a program with as many, made in the same way. Of each
page: its size, the time from its request to the first picture, the memory of its process, and for clicks and keys the
time from the event to the frame that shows what it did. Chromium is the system's, or the one in build/deps/chromium
(`make build/deps/chromium`); what cannot be had here is named. A machine without a graphics card: pictures are drawn by
the processor. Times
in the browser are the best of ROUNDS, for everybody.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Callable

import files
import stacks
from spprof.heap.snapshot import HeapSnapshot
from spprof.text import human_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import chromium

ROUNDS = 3
SPEEDSCOPE = "speedscope@1.25.0"
LIBRARY = re.compile(r"https://[^\s\"']*?/npm/([\w.-]+)@([\d.]+)/")
Do = Callable[[chromium.Tab], None]

TIMED = """
for (const kind of ["click", "input", "change", "keydown"]) {
  addEventListener(kind, (event) => {
    const { port1, port2 } = new MessageChannel(), began = event.timeStamp;
    port2.onmessage = () => { window.took = performance.now() - began; };
    requestAnimationFrame(() => port1.postMessage(0));
  }, true);
}
"""
"""After the event's own work and the frame that shows it."""


class Measured:
    """One page in the browser."""

    def __init__(self, browser: chromium.Chromium, address: str, ready: str, doing: dict[str, Do]) -> None:
        self._browser = browser
        self._address, self._ready, self._doing = address, ready, doing

    def lines(self) -> Iterator[tuple[str, str]]:
        """What was measured, and how much."""
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
        """Milliseconds until it is shown, and those in which the page's thread ran."""
        tab.run("window.took = null")
        before = self._processor_ns()
        do(tab)
        tab.wait("window.took !== null")
        used = (self._processor_ns() - before) / 1e6
        return float(tab.run("window.took")), used

    def _processor_ns(self) -> int:
        """What the main threads of all pages have used."""
        return sum(int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) for pid in self._pages())

    def _pages(self) -> list[int]:
        processes = self._browser.call("SystemInfo.getProcessInfo")["processInfo"]
        return [process["id"] for process in processes if process["type"] == "renderer"]

    def _resident_bytes(self) -> int:
        """Of the largest process that shows pages."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self._pages()]
        return max(int(text.partition("VmRSS:")[2].split()[0]) * 1024 for text in texts)


def click_at(x: int, y: int) -> Do:
    """A click, somewhere in the picture."""
    return lambda tab: tab.click(x, y)


def click_on(selector: str) -> Do:
    return lambda tab: tab.click_on(selector)


def searched(tab: chromium.Tab) -> None:
    tab.run("document.querySelector('#search').focus()")
    tab.type("Module7.function_12")


def saved(path: Path) -> str:
    """Saves the snapshot, and says how long that took."""
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


def click_box(tab: chromium.Tab) -> None:
    """A click on the first call that is not alone in its row."""
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
        yield "without a network", f"it draws nothing, and its libraries are unavailable: {error}"
        return
    ready = "document.querySelectorAll('#chart svg g rect').length > 1"
    yield from Measured(browser, f"file://{path}", ready, {"zoom by a click": click_at(300, 400)}).lines()


def make_local(path: Path, folder: Path) -> None:
    """The page loads its libraries from a network; here they are installed beside it, and it loads these."""
    text = path.read_text()
    wanted = sorted(set(LIBRARY.findall(text)))
    npm_install(folder, *(f"{name}@{version}" for name, version in wanted))
    path.write_text(LIBRARY.sub(r"node_modules/\1/", text))


def npm_install(folder: Path, *packages: str) -> None:
    """OSError, CalledProcessError: it cannot be done here."""
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
        sys.exit("chromium is not here: make build/deps/chromium, or on Debian and Ubuntu apt-get install chromium")
    for page in (our_page, speedscope_page, memray_page):
        with tempfile.TemporaryDirectory() as folder, chromium.started(*found) as browser:
            print((page.__doc__ or "").strip())
            try:
                for name, much in page(browser, Path(folder)):
                    print(f"  {name:<24}{much}", flush=True)
            except chromium.BrowserError as error:
                print(f"  {'ended':<24}{error}")


if __name__ == "__main__":
    main()
