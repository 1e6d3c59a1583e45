"""The page in browsers that block scripts, are old, or only take a screenshot, and in notebooks converted to HTML.

Marked `viewers`, run by `make viewers`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from naive_heap import random_heap
from pages import SMALL, Shown, heap, opened, rows, sample, text
from report_reader import Elements
from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.paths import paths_of
from spprof.heap.to_pprof import profile_of
from spprof.report.build import difference_of, report_of
from spprof.report.page import written
from spprof.text import amount, interval_text, place, share_text
from test_report import STACKS
from viewers import ROOT, browser_program, chromium, installed_nbconvert, output_of

pytestmark = pytest.mark.viewers

DECODE_LINE = "python3.11/json/decoder.py:40"
LOOKS = "--headless --no-sandbox --disable-gpu --window-size=1440,900".split()


def looked_at(path: Path, *options: str) -> str:
    """Return the browser's output for a file, waiting only until the file is loaded."""
    browser, environment = browser_program()
    folder = f"--user-data-dir={path.parent / 'browser'}"
    return output_of(browser, *LOOKS, folder, *options, f"file://{path}", environment=environment)


def cells(elements: Elements) -> list[list[str]]:
    """Return the rows of the static table, without its headings."""
    found: list[list[str]] = []
    for name, _, content in elements.found:
        if name == "tr":
            found.append([])
        elif name in ("td", "bdi") and found:
            found[-1].append(content.strip())
    return [row for row in found if row]


# ---- A single screenshot


def test_the_page_is_there_when_it_has_loaded(tmp_path: Path):
    (tmp_path / "x.html").write_bytes(b"".join(written(report_of(SMALL))))
    for _ in range(5):
        seen = looked_at(tmp_path / "x.html", "--dump-dom")
        assert "7.0 MiB" in seen
        assert 'id="waiting"' not in seen
        assert "decode" in seen.partition('id="rows"')[2]


def test_a_picture_of_a_large_page_is_not_empty(tmp_path: Path):
    """Compare a screenshot of a page with one that is taken after waiting."""
    report = report_of(profile_of(random_heap(3, STACKS, 20_000).snapshot()))
    (tmp_path / "x.html").write_bytes(b"".join(written(report)))
    shots = [tmp_path / f"{at}.png" for at in range(2)]
    for shot, options in zip(shots, ([], ["--virtual-time-budget=20000"])):
        looked_at(tmp_path / "x.html", f"--screenshot={shot}", *options)
    assert shots[0].read_bytes() == shots[1].read_bytes()


# ---- Without the script, or without what it needs


def test_without_its_script_the_page_is_a_table_of_the_largest_sites(browser: chromium.Chromium, tmp_path: Path):
    (tmp_path / "x.html").write_bytes(b"".join(written(report_of(SMALL))))
    tab = chromium.Tab(browser, 1440, 900)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.call("Page.navigate", url=f"file://{tmp_path / 'x.html'}")
    while tab.run("document.readyState") != "complete":
        pass
    elements = Elements(str(tab.run("document.documentElement.outerHTML")))
    ((_, told),) = [(attributes, text) for attributes, text in elements.named("p") if attributes.get("id") == "unread"]
    assert "script has not run" in told
    assert elements.named("strong")[0][1] == "7.0 MiB"
    assert cells(elements)[0] == ["4.0 MiB", "57.1 %", "exact", "", "decode", DECODE_LINE]
    tab.screenshot(ROOT / "build" / "viewers" / "report-without-script.png")
    tab.close()


def test_a_browser_without_decompression_shows_the_page(show: Shown):
    tab = opened(show, report_of(SMALL), before="delete window.DecompressionStream; delete window.Response")
    assert tab.run("typeof DecompressionStream") == "undefined"
    assert rows(tab)[0][0] == "4.0 MiB"


def test_a_damaged_file_says_so_and_keeps_the_table(browser: chromium.Chromium, tmp_path: Path):
    page = b"".join(written(report_of(SMALL))).decode()
    start = page.index('type="text/plain">') + len('type="text/plain">')
    for at in (0, 40, 200):
        damaged = page[: start + at] + ("A" if page[start + at] != "A" else "B") + page[start + at + 1 :]
        (tmp_path / "x.html").write_text(damaged)
        tab = chromium.Tab(browser, 800, 600)
        tab.open(f"file://{tmp_path}/x.html", "unread.textContent.includes('cannot be shown')")
        assert "4.0 MiB" in text(tab, "#waiting table")
        tab.close()


# ---- The table's numbers


@pytest.mark.parametrize("sample_type", ["inuse_space", "peak_space", "alloc_objects"])
def test_the_static_table_has_the_numbers_of_the_command_line(tmp_path: Path, sample_type: str):
    profile = profile_of(random_heap(3, STACKS).snapshot())
    elements = Elements(b"".join(written(report_of(profile, sample_type))).decode())
    index = [value_type.type for value_type in profile.sample_types].index(sample_type)
    tally = Tally(profile, index)
    unit, whole, paths = tally.value_type.unit, tally.whole.value, paths_of(profile)
    for row, (key, site, _) in zip(cells(elements), ranked(tally, "own")):
        ends = site.interval()
        interval = ["exact" if ends[0] == ends[1] else interval_text(ends, unit)] if ends else []
        numbers = [amount(site.value, unit), share_text(site.value, whole), *interval]
        assert row == [*numbers, "", key.function, *([place(paths.of(key.file), key.line)] if key.file else [])]
    assert len(cells(elements)) == len(ranked(tally, "own"))


def test_the_static_table_of_a_difference_has_what_changed_most():
    old, new = heap(sample((2, 0), 8, "main"), sample((1, 0), 4, "main")), heap(sample((2, 0), 9, "main"))
    elements = Elements(b"".join(written(difference_of(old, new, ["a", "b"]))).decode())
    assert [row[:3] for row in cells(elements)] == [["-4.0 MiB", "4.0 MiB", "0 B"], ["+1.0 MiB", "8.0 MiB", "9.0 MiB"]]


# ---- Notebooks


def test_nbconvert_keeps_the_page_of_a_snapshot(browser: chromium.Chromium, tmp_path: Path):
    """The real nbconvert, installed from PyPI into a separate folder."""
    nbconvert = installed_nbconvert()
    shown = random_heap(3, STACKS).snapshot()._repr_html_()
    result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/html": shown}}
    cell = {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {}, "source": [], "outputs": [result]}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (tmp_path / "x.ipynb").write_text(json.dumps(book))
    output_of(nbconvert, "--to", "html", tmp_path / "x.ipynb")
    ((attributes, _),) = Elements((tmp_path / "x.html").read_text()).named("iframe")
    assert attributes["sandbox"] == "allow-scripts"
    (tmp_path / "frame.html").write_text(str(attributes["srcdoc"]))
    assert 'id="waiting"' not in looked_at(tmp_path / "frame.html", "--dump-dom")
    tab = chromium.Tab(browser, 1440, 900)
    tab.open(f"file://{tmp_path / 'x.html'}", "document.querySelector('iframe')")
    while not tab.in_frame("document.readyState === 'complete'"):
        pass
    assert tab.in_frame("document.getElementById('waiting')") is None
    assert "in use" in tab.in_frame("document.getElementById('whole').textContent")
    tab.screenshot(ROOT / "build" / "viewers" / "report-nbconvert.png")
    tab.close()
