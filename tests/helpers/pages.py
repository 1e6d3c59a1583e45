"""Reports in a browser's tab, and functions that read them there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from naive_heap import python_frame
from spprof.pprof.profile import HEAP_TYPES, Label, Location, Profile, Sample
from spprof.report.model import Report
from spprof.report.page import written
from viewers import chromium

MIB = 1 << 20
MAIN = python_frame("main", 10, "/srv/app/main.py")
SERVE = python_frame("serve", 20, "/srv/app/serve.py")
LOAD = python_frame("load", 30, "/srv/app/load.py")
DECODE = python_frame("decode", 40, "/usr/lib/python3.11/json/decoder.py")
LOCATIONS = [Location((frame,), -1, 0) for frame in (MAIN, SERVE, LOAD, DECODE)]


def sample(stack: tuple[int, ...], blocks: int, thread: str, freed: int = 0) -> Sample:
    """Return a sample of ``blocks`` blocks of 1 MiB, ``freed`` of which have been freed."""
    live = blocks - freed
    marks = (Label("bytes", None, MIB, "bytes"), Label("thread", thread))
    return Sample(stack, (blocks, blocks * MIB, live, live * MIB), marks)


def heap(*samples: Sample) -> Profile:
    """Return a profile in which every allocation was sampled."""
    return Profile(HEAP_TYPES, LOCATIONS, list(samples), default_type="inuse_space", period=1)


SMALL = heap(
    sample((3, 2, 0), 4, "main"), sample((1, 0), 2, "worker"), sample((2, 0), 1, "worker"), sample((1,), 3, "main", 3)
)
"""MiB held: main 7 (of which load 5, of which decode 4; serve 2); serve at the root: 3, all freed."""


class Shown:
    """A report shown in a tab."""

    def __init__(self, browser: chromium.Chromium, path: Path) -> None:
        self._browser = browser
        self.path = path
        self.tab: chromium.Tab

    def __call__(
        self,
        report: Report,
        *,
        fragment: str = "",
        dark: bool = False,
        phone: bool = False,
        size: tuple[int, int] = (1200, 900),
        before: str = "",
    ) -> chromium.Tab:
        """Show ``report``. ``before`` is a script that runs before the page's own scripts."""
        self.path.write_bytes(b"".join(written(report)))
        width, height = (390, 844) if phone else size
        self.tab = chromium.Tab(self._browser, width, height, dark=dark, phone=phone)
        if before:
            self.tab.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        self.tab.open(f"file://{self.path}#{fragment}", "window.report")
        return self.tab


def text(tab: chromium.Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector({json.dumps(selector)}).textContent"))


def names(tab: chromium.Tab) -> list[list[str]]:
    """Return the names in each row of the graph, from left to right."""
    return list(tab.run("report.graph.rows.map((row) => row.map((box) => box.call ? nameOfBox(box) : '…'))"))


def click_box(tab: chromium.Tab, name: str, button: str = "click") -> None:
    """Click the first box with this name, or hover over it, depending on ``button``."""
    place = tab.run(
        "(() => { const { graph } = report, at = document.getElementById('canvas').getBoundingClientRect(); "
        f"const box = graph.rows.flat().find((box) => box.call && nameOfBox(box) === {json.dumps(name)}); "
        "const y = at.y + graph.topOf(box.call.row) + 10 - graph.frame.scrollTop; "
        "return [at.x + (box.left + box.right) / 2, y]; })()"
    )
    getattr(tab, button)(*place)


def rows(tab: chromium.Tab) -> list[list[str]]:
    """Return the table's cells."""
    cells = "[...row.cells].map((cell) => cell.innerText.trim().split(/\\s+/).join(' '))"
    return list(tab.run(f"[...document.querySelectorAll('#rows tr')].map((row) => {cells})"))


def opened(show: Shown, report: Report, **options: Any) -> chromium.Tab:
    tab = show(report, **options)
    tab.run("window.nameOfBox = (box) => box.call.place < 0 ? 'all' : report.report.place.functions[box.call.place]")
    return tab
