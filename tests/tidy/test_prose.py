"""Prose is plain English: it has no phrase from the list below, and figures in the docs name the command behind them.

The list contains habits of translated text, each with a native alternative. Only docs/quickstart.md is exempt: it is a
contract, kept word for word.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT, tracked

EXEMPT = {Path("docs/quickstart.md"), Path("LICENSE"), Path("tests/tidy/test_prose.py")}
TEXTS = {".c", ".css", ".h", ".html", ".in", ".js", ".md", ".py", ".pyi", ".sh", ".toml", ".yml"}
NAMES = {"Makefile", "meson.build", "meson.options", "run"}

START = r"(?:^\s*(?:#|//|\*|/\*|\"\"\"|[-*]|\d+\.)?\s*|[.:;!?]\s+|\|\s*)"
"""Matches the start of a sentence in a line: the beginning of the line, after a punctuation mark, or in a table's cell.
"""

PHRASES = {
    START + r"Of (?!course\b)\w": "start with the subject: 'For generators, …', 'It samples …'",
    r"\b(?:not )?to be had\b": "is (un)available",
    r"\bone each \d": "1 per",
    r"\b(?:can|could) lead elsewhere\b": "can redirect",
    r"\b(?:is|are|was|were) led to\b": "leads to, with the actor as subject",
    r"\bsomebody's\b": "name who",
    r"\bfor ever\b(?!,)": "forever, permanently, or the bound",
    r"\b[Nn]obody knows\b": "is unknown",
    r"\b[Ww]hoever\b": "name who",
    r"\btold apart\b": "distinguished",
    r"\banew\b": "again",
    r"\bin the mean\b": "on average",
    r"\bof its own accord\b": "by itself",
    r"\bWhat must be known\b": "name the thing",
}
SENTENCES = (
    "tells which lines hold it",
    "one each 512 KiB",
    "is not to be had",
    "found no call of malloc that it can lead elsewhere",
    "a call lasts from its first step to its end",
    "may have used the countdown up",
    "which memorylessness allows",
    "A number that no timer has",
    "Where there are none to be had",
)
"""Examples from the style guide of how not to write."""


@cache
def texts() -> dict[Path, str]:
    """Return the texts that people read, keyed by file."""
    files = [file for file in tracked() if file not in EXEMPT and (file.suffix in TEXTS or file.name in NAMES)]
    return {file: (ROOT / file).read_text(encoding="utf-8") for file in files}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file}:{number}: {line.strip()}"
        for file, text in texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("phrase", PHRASES, ids=[f"say {remedy}" for remedy in PHRASES.values()])
def test_a_phrase_of_the_list_is_not_used(phrase: str) -> None:
    assert lines_with(re.compile(phrase)) == [], PHRASES[phrase]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_no_sentence_is_one_of_the_bad_examples(sentence: str) -> None:
    pattern = re.compile(r"[\s#*/]+".join(map(re.escape, sentence.split())))
    assert [str(file) for file, text in texts().items() if pattern.search(text)] == []


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("Of a generator a call lasts from its first step to its end.", True),
        ("    # Of memory it samples allocations.", True),
        ("It ends. Of these two are kept.", True),
        ("| name | Of the whole |", True),
        ("Of course it does.", False),
        ("The size of a block. Offsets are in bytes.", False),
    ],
)
def test_sentences_that_start_with_of_are_found(line: str, is_found: bool) -> None:
    assert bool(re.search(next(iter(PHRASES)), line)) == is_found


# ---- Figures

FIGURE = re.compile(r"(?<![\w`])[+−-]?\d[\d.,  ]*\s?(?:ns|µs|ms|%)(?!\w)|(?<![\w`])\d[\d.,  ]* instructions")
"""Matches times, shares and counted instructions, which come from measurements. Sizes are mostly settings."""
CONFIDENCE = re.compile(r"95\s?%")
COMMAND = re.compile(
    r"`[^`]*\b(?:make [a-z-]+|python3? \S+|pytest |spprof |bench/\S+)[^`]*`|^```|`test_\w+`"
    r"|\]\([^)]*(?:benchmarks\.md|tests/[^)]*\.md|RESULTS\.md)",
    re.MULTILINE,
)
"""Matches a command, a test that asserts the figure, or a link to the page that has both."""
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def sections(text: str) -> list[str]:
    """Return the section of each heading, with its code blocks emptied."""
    return re.split(r"(?m)^(?=#+ )", FENCED.sub("```\n```", text))


def unsourced(text: str, *, head_counts: bool) -> list[str]:
    """Return the figures in sections that name no command. If ``head_counts``, a command at the page's beginning is
    enough.
    """
    parts = sections(text)
    head = "".join(parts[:2])
    found: list[str] = []
    for part in parts:
        if COMMAND.search(part) or (head_counts and COMMAND.search(head)):
            continue
        figures = (match.group() for match in FIGURE.finditer(QUOTED.sub("", part)))
        found += [f"{part.splitlines()[0]}: {one}" for one in figures if not CONFIDENCE.match(one)]
    return found


@pytest.mark.parametrize("file", [file for file in texts() if file.suffix == ".md"], ids=str)
def test_a_figure_names_its_command(file: Path) -> None:
    assert unsourced(texts()[file], head_counts=file.parts[0] == "tests") == []


def test_a_figure_without_a_command_is_found() -> None:
    page = "# Page\n\nSee `make bench`.\n\n## Speed\n\nA call takes 8.5 ns, at 95 % confidence.\n"
    assert unsourced(page, head_counts=False) == ["## Speed: 8.5 ns"]
    assert unsourced(page, head_counts=True) == []
    assert unsourced(page + "\n`python bench/hot_path.py` prints it.\n", head_counts=False) == []
