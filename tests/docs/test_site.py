"""The documentation site builds without a warning, has no dead link, and needs no network.

The build's own link checks are also tried on small sites here, because a check that finds nothing would make any site
look good.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library
import chromium
import documentation

FAR = {
    "genindex.html",  # linked in the sidebar and on the search page
    "search.html",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the site's folder. Several workers of one run build the site once."""
    pytest.importorskip("sphinx", reason="Sphinx needs Python 3.11")
    own = tmp_path_factory.getbasetemp()
    printed = (own if worker_id == "master" else own.parent) / "site"
    with printed.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            finished = subprocess.run(
                [sys.executable, ROOT / "tools" / "documentation.py"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
            )
            printed.write_text(f"{finished.returncode}\n{finished.stdout}", encoding="utf-8")
    status, text = printed.read_text(encoding="utf-8").split("\n", 1)
    assert status == "0", text
    assert text.count("\n") == 1, text
    return documentation.SITE


def test_the_site_builds_without_a_warning_or_a_dead_link(site: Path) -> None:
    assert (site / "index.html").is_file()
    assert documentation.faults_of_links(site) == []
    assert documentation.faults_of_hosts(site) == []


def test_every_page_is_three_clicks_from_the_index_at_most(site: Path) -> None:
    clicks = documentation.clicks(site)
    pages = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    assert pages - {*clicks} <= FAR
    assert [page for page, count in clicks.items() if count > 3] == []


def test_the_site_has_every_page_of_the_repository(site: Path) -> None:
    for name, place in documentation.pages().items():
        if name.endswith(".md"):
            assert (site / place).with_suffix(".html").is_file(), name


def test_the_search_finds_pages_in_a_folder(site: Path) -> None:
    found = chromium.find()
    if found is None:
        pytest.skip("no Chromium; make viewers fetches one")
    with chromium.started(*found) as browser:
        tab = chromium.Tab(browser, 1200, 800)
        tab.open(f"file://{site}/search.html?q=snapshot", "document.querySelectorAll('ul.search a').length > 3")
        assert tab.complaints() == []
        assert [one for one in tab.requests() if not one.startswith(("file:", "data:"))] == []


# ---- The checks themselves


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    (tmp_path / "a.html").write_text('<article><h1 id="top">A</h1><a href="b.html#here">b</a></article>')
    (tmp_path / "b.html").write_text('<article><h1 id="here">B</h1><a href="a.html">a</a></article>')
    return tmp_path


def test_a_good_site_has_no_fault(small_site: Path) -> None:
    assert documentation.faults_of_links(small_site) == []
    assert documentation.clicks(small_site, "a.html") == {"a.html": 0, "b.html": 1}


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("c.html", "there is no such file"),
        ("b.html#there", "the page has no such anchor"),
        ("#there", "the page has no such anchor"),
        ("/b.html", "the link does not work from a folder"),
        ("https://", "the address names no host"),
    ],
)
def test_a_dead_link_is_found(small_site: Path, link: str, fault: str) -> None:
    (small_site / "d.html").write_text(f'<a href="{link}">d</a>')
    assert documentation.faults_of_links(small_site) == [f"d.html: {link}: {fault}"]


@pytest.mark.parametrize(
    "text",
    [
        '<script async src="https://example.com/a.js"></script>',
        '<img alt="" src="//example.com/a.png">',
        '<link rel="stylesheet" type="text/css" href="https://example.com/a.css">',
    ],
)
def test_what_comes_over_the_network_is_found(small_site: Path, text: str) -> None:
    (small_site / "d.html").write_text(text)
    assert documentation.faults_of_hosts(small_site) == ["d.html loads something over the network"]


def test_links_are_adapted_to_the_site() -> None:
    places = {"docs/cli.md": "cli.md", "docs/a/b.md": "a/b.md", "ARCHITECTURE.md": "ARCHITECTURE.md"}
    places["docs/site/index.md"] = "index.md"
    given = "[c](../cli.md#run) [`x`](../../ARCHITECTURE.md) [s](../../src) [w](https://e.org/a) [r](../../README.md)"
    wanted = "[c](../cli.md#run) [`x`](../ARCHITECTURE.md) s [w](https://e.org/a) [r](../index.md)"
    assert documentation.adapted(given, "docs/a/b.md", places) == wanted
    block = "```\n[c](../cli.md)\n```"
    assert documentation.adapted(block, "docs/a/b.md", places) == block


def test_pages_that_are_gone_leave_the_copy(tmp_path: Path) -> None:
    root, source = tmp_path / "root", tmp_path / "source"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "a.md").write_text("# A\n")
    (root / "docs" / "b.md").write_text("# B\n")
    documentation.copy_pages(source, root)
    assert {file.name for file in source.iterdir()} == {"a.md", "b.md"}
    (root / "docs" / "b.md").unlink()
    documentation.copy_pages(source, root)
    assert {file.name for file in source.iterdir()} == {"a.md"}
    shutil.rmtree(root)
