"""Makes the pictures of the documentation from real runs: `make pictures`.

    python tools/pictures.py [FOLDER]      default: docs/pictures

Each run of examples/orders.py is profiled by the installed package in a separate folder. A headless Chromium opens the
page that spprof wrote and takes a screenshot of it in light and in dark colours. The picture is what the page shows,
except that the path of the standard library starts at the folder of the Python version.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import chromium

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "orders.py"
PICTURES = ROOT / "docs" / "pictures"
WIDTH = 1280
LIBRARY = f"{sys.base_prefix}/lib/"

SHORTEN_PATHS = """
((folder) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(folder, '');
})(%s)
"""


@dataclass(frozen=True)
class Picture:
    name: str
    options: tuple[str, ...]
    """Options of ``spprof run``, which writes to ``output``."""
    output: str
    ready: str
    """A JavaScript expression that becomes true when the page has been drawn."""
    height: int


ALL = [
    Picture(
        name="flame-graph",
        options=("-o", "orders.html"),
        output="orders.html",
        ready="document.querySelectorAll('tbody tr').length",
        height=720,
    ),
]


def take(picture: Picture, browser: chromium.Chromium, pictures: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(EXAMPLE, folder)
        spprof = str(Path(sys.executable).parent / "spprof")
        subprocess.run([spprof, "run", *picture.options, EXAMPLE.name], cwd=folder, check=True)
        for colours in ("light", "dark"):
            tab = chromium.Tab(browser, WIDTH, picture.height, dark=colours == "dark")
            tab.open((folder / picture.output).as_uri(), picture.ready)
            tab.run(SHORTEN_PATHS % json.dumps(LIBRARY))
            tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            tab.screenshot(pictures / f"{picture.name}-{colours}.png")
            tab.close()


def main() -> None:
    pictures = Path(sys.argv[1]) if sys.argv[1:] else PICTURES
    found = chromium.find()
    if not found:
        sys.exit("no Chromium was found; `make pictures` brings one, or: apt-get install chromium")
    with chromium.started(*found) as browser:
        for picture in ALL:
            take(picture, browser, pictures)


if __name__ == "__main__":
    main()
