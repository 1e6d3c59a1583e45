"""The code blocks of docs/quickstart.md, keyed by heading and number: ("Quick Profile", 0) is the first block below
that heading.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

Name = tuple[str, int]

_HEADING = re.compile(r"#+ +(.*\S)")
_FENCE = re.compile(r"```(\w*)")


def code_blocks(language: str) -> dict[Name, str]:
    """Return every fenced block of one language, as printed."""
    blocks: dict[Name, str] = {}
    heading, fence, lines = "", "", []
    for line in (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8").splitlines():
        opened = _FENCE.fullmatch(line)
        if fence and line == "```":
            if fence == language:
                number = sum(name[0] == heading for name in blocks)
                blocks[heading, number] = "\n".join(lines) + "\n"
            fence = ""
        elif fence:
            lines.append(line)
        elif opened:
            fence, lines = opened.group(1) or "text", []
        elif _HEADING.fullmatch(line):
            heading = _HEADING.fullmatch(line).group(1)  # type: ignore[union-attr]
    return blocks


def alternatives(block: str) -> list[str]:
    """Return a block's paragraphs. If each starts the profiler, they are alternatives."""
    return [paragraph + "\n" for paragraph in block.strip().split("\n\n")]
