"""Every code block of the documentation runs and prints what the page shows, or says why it does not run."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT, RUN, Page, blocks_of

PAGES = sorted(str(file.relative_to(ROOT)) for file in ROOT.glob("docs/questions/*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    running = Page(page, tmp_path)
    try:
        blocks = blocks_of(page)
        for block in blocks:
            if block.is_file:
                running.write(block)
        for block in blocks:
            if block.runs:
                running.run(block)
    finally:
        running.close()
