"""Builds the documentation site, and fails on any warning or dead link.

    python3 tools/documentation.py                        builds the site in build/site
    python3 tools/documentation.py linkcheck              also checks every external address (needs a network)

The pages stay where they are in the repository, where a forge shows them. They are copied into one folder with their
links adapted, and Sphinx builds from that folder:

    docs/cli.md ───────────────► build/docs/source/cli.md
    docs/site/index.md ────────► build/docs/source/index.md
    ARCHITECTURE.md ───────────► build/docs/source/ARCHITECTURE.md
    tests/nightly/GROWTH.md ───► build/docs/source/tests/nightly/GROWTH.md
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"

_INDEX = "docs/site/index.md"
_LEFT_OUT = ("README.md", "CODE_OF_CONDUCT.md")
"""Pages at the root that are not part of the site. The site has its own index, which replaces README.md in links."""

_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]]+")


# ---- The pages that Sphinx reads


def pages(root: Path = ROOT) -> dict[str, str]:
    """Return the path in the site's source folder of every page and picture, keyed by its path in the repository."""
    found = [file for file in root.glob("*.md") if file.name not in _LEFT_OUT]
    found += [file for file in root.glob("docs/**/*") if file.is_file() and "__pycache__" not in file.parts]
    found += [*root.glob("tests/nightly/*.md"), *root.glob("tests/stress/*.md")]
    names = sorted(file.relative_to(root).as_posix() for file in found)
    return {name: _place(name) for name in names}


def _place(name: str) -> str:
    for folder in ("docs/site/", "docs/"):
        if name.startswith(folder):
            return name[len(folder) :]
    return name


def adapted(text: str, name: str, places: dict[str, str]) -> str:
    """Return the text of the page ``name`` with links that work on the site. A link to a file that the site does not
    contain is replaced by its text.
    """

    def link(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        words = _LINK.sub(link, words)
        path, hash_sign, anchor = target.partition("#")
        if urlsplit(target).scheme or not path:
            return f"{mark}[{words}]({target})"
        wanted = os.path.normpath(os.path.join(os.path.dirname(name), path))
        place = places.get(_INDEX if wanted == "README.md" else wanted)
        if place is None:
            return words
        return f"{mark}[{words}]({os.path.relpath(place, os.path.dirname(places[name]) or '.')}{hash_sign}{anchor})"

    parts, at = [], 0
    for block in _BLOCK.finditer(text):
        parts += [_LINK.sub(link, text[at : block.start()]), block[0]]
        at = block.end()
    return "".join([*parts, _LINK.sub(link, text[at:])])


def copy_pages(source: Path, root: Path = ROOT) -> None:
    """Copy the pages into the folder ``source``, and remove from it any that no longer exist in the repository."""
    places = pages(root)
    for name, place in places.items():
        content = (root / name).read_bytes()
        if name.endswith(".md"):
            content = adapted(content.decode(), name, places).encode()
        copy = source / place
        if not copy.exists() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
    for file in source.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and str(file.relative_to(source)) not in places.values():
            file.unlink()


# ---- Links in the finished site


class _Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("href", "src") and value:
                self.links.append(value)
            elif key == "id" and value:
                self.anchors.add(value)


def faults_of_links(site: Path) -> list[str]:
    """Return a line for each link of the site that is dead or that loads something from another host."""
    parsed = {file: _Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    faults = []
    for file, page in parsed.items():
        for link in dict.fromkeys(page.links):
            fault = _fault_of_link(link, file, parsed)
            if fault:
                faults.append(f"{file.relative_to(site)}: {link}: {fault}")
    return faults


def _fault_of_link(link: str, file: Path, parsed: dict[Path, _Page]) -> str | None:
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        return None if parts.hostname and "." in parts.hostname else "the address names no host"
    if parts.scheme in ("mailto", "data"):
        return None
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return "the link does not work from a folder"
    target = file
    if parts.path:
        target = Path(os.path.normpath(file.parent / unquote(parts.path)))
        if not target.is_file():
            return "there is no such file"
    if parts.fragment and target in parsed and unquote(parts.fragment) not in parsed[target].anchors:
        return "the page has no such anchor"
    return None


def faults_of_hosts(site: Path) -> list[str]:
    """Return a line for each script, style or picture that a page would load over the network."""
    loads = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(https?:)?//|<link[^>]*rel=\"(?:stylesheet|preload|"
                       r"preconnect)\"[^>]*href=\"(?:https?:)?//")  # fmt: skip
    in_style = re.compile(r"(?:@import|url\()\s*[\"']?(?:https?:)?//")
    faults = []
    for file in sorted(site.rglob("*")):
        rule = {".html": loads, ".css": in_style}.get(file.suffix)
        if rule and rule.search(file.read_text(encoding="utf-8")):
            faults.append(f"{file.relative_to(site)} loads something over the network")
    return faults


def clicks(site: Path, start: str = "index.html") -> dict[str, int]:
    """Return how many clicks each page is away from the index, following only links in the text of the pages."""
    found, queue = {start: 0}, [start]
    for name in queue:
        text = (site / name).read_text(encoding="utf-8")
        article = re.search(r"<article.*?</article>", text, re.DOTALL)
        for link in _Page(article[0] if article else text).links:
            path = urlsplit(link).path
            target = os.path.normpath(os.path.join(os.path.dirname(name), unquote(path)))
            if path.endswith(".html") and not urlsplit(link).scheme and target not in found:
                found[target] = found[name] + 1
                queue.append(target)
    return found


# ---- The build


def sphinx(builder: str, output: Path) -> None:
    """Run one of Sphinx's builders. CalledProcessError: it failed or warned."""
    source = BUILD / "source"
    command = [sys.executable, "-m", "sphinx", "--builder", builder, "--fail-on-warning", "--keep-going", "--nitpicky"]
    command += ["--quiet", "--fresh-env"]  # a page that is not read again does not repeat its warnings
    command += ["--doctree-dir", str(BUILD / "doctrees"), str(source), str(output)]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit("the documentation site needs Python 3.11 or newer: make docs PYTHON=python3.11")
    copy_pages(BUILD / "source")
    try:
        if sys.argv[1:] == ["linkcheck"]:
            sphinx("linkcheck", BUILD / "linkcheck")
            return
        shutil.rmtree(SITE, ignore_errors=True)
        sphinx("html", SITE)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    faults = [*faults_of_links(SITE), *faults_of_hosts(SITE)]
    if faults:
        sys.exit("\n".join(["the site has dead links:", *(f"- {fault}" for fault in faults)]))
    count = sum(1 for _ in SITE.rglob("*.html"))
    print(f"{count} pages without a warning or a dead link: {SITE.relative_to(ROOT) / 'index.html'}")


if __name__ == "__main__":
    main()
