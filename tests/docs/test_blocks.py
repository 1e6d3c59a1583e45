"""Every code block of the documentation runs and prints what the page shows, or gives a reason for not running.

The blocks of docs/quickstart.md, which is a contract, have their own test: tests/python/test_quickstart.py.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
import spprof
import spprof.http
import spprof.memprof
from doc_blocks import ROOT, RUN, Block, Page, blocks_of, commands_of, missing_line

PAGES = sorted(
    str(file.relative_to(ROOT))
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if file.name != "quickstart.md" and "build" not in file.parts
)

PREAMBLES = {
    "    work()\n": "def work():\n    return sum(range(1000))\n\n",
    "snapshots = []\n": (
        "import time\nimport spprof.memprof as memprof\nmemprof.start(0)\n"
        "held = []\ntime.sleep = lambda seconds: held.append(bytearray(1000))\n"
    ),
    "series = memprof.record(": "import spprof.memprof as memprof\nmemprof.start()\ndef serve(): pass\n",
    "trigger = spprof.trigger(": "import spprof\nspprof.memprof.start()\ndef serve(): pass\n",
    "spprof top 4711 ": "spprof run --listen service.py >/dev/null 2>&1 & sleep 1\n",
}
"""Code that a block presupposes, keyed by a string in the block."""

GIVEN = {
    "script.py": "held = [bytes(1000) for _ in range(20_000)]\nsum(range(10_000_000))\n",
    "service.py": "import time\nheld = [bytes(1000) for _ in range(20_000)]\ntime.sleep(60)\n",
}
"""Files that pages mention without showing them."""

NOT_RUN = 21
"""The number of blocks marked as not run. Update it when you add such a mark."""

TYPES = (spprof.memprof, spprof, spprof.http, spprof.memprof.HeapSnapshot, spprof.Profile)
"""Objects that contain the functions documented in docs/contracts/python-api.md."""


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page)]


def is_signature(block: Block) -> bool:
    return block.page == "docs/contracts/python-api.md" and re.match(r"[\w.]+\(", block.text) is not None


# ---- Running the blocks


@pytest.mark.parametrize("page", [page for page in PAGES if any(block.runs for block in blocks_of(page))])
def test_a_page_runs_as_printed(page: str, tmp_path: Path) -> None:
    running = Page(page, tmp_path, PREAMBLES)
    try:
        running.ask("pip() { :; }")  # the package under test is already installed
        for name, content in GIVEN.items():
            (running.folder / name).write_text(content, encoding="utf-8")
        blocks = blocks_of(page)
        for block in blocks:
            if block.is_file:
                running.write(block)
        for block in blocks:
            if block.runs and not is_signature(block):
                running.run(block)
    finally:
        running.close()


# ---- No block is silently left out


def test_blocks_run_or_say_why_they_do_not() -> None:
    silent = [
        block.name for block in all_blocks() if block.language not in RUN and block.mark not in ("file", "not run")
    ]
    assert silent == []
    assert [block.name for block in all_blocks() if block.mark in ("file", "not run") and not block.value] == []


def test_the_blocks_that_do_not_run_are_counted() -> None:
    assert len([block.name for block in all_blocks() if block.mark == "not run"]) == NOT_RUN


def test_every_mark_belongs_to_a_block() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        marks = re.findall(r"^<!-- (?:file|not run|continues)\b.*-->$", text, re.MULTILINE)
        assert len(marks) == sum(bool(block.mark) for block in blocks_of(page)), page


def test_a_console_block_shows_the_output_of_a_command() -> None:
    """A console block without output would check nothing."""
    empty = [
        block.name
        for block in all_blocks()
        if block.language == "console" and block.runs and not any(one.shown for one in commands_of(block))
    ]
    assert empty == []


def test_output_that_is_shown_is_compared_but_for_its_numbers() -> None:
    printed = "heap: 12.5 MiB\n  3.0 KiB  f (a.py:7) in malloc\n  <1 s\nthe end\n"
    assert missing_line(["heap: 9 GiB", "  1 B  f (a.py:7)…", "…", "the end"], printed) is None
    assert missing_line(["heap: 9 GiB", "…"], printed) is None
    assert missing_line(["…", "  1 B  g (a.py:7)…", "…"], printed) == "  1 B  g (a.py:7)…"
    assert missing_line(["heap: 9 GiB", "the end"], printed) == "the end"
    assert missing_line(["heap: 9 GiB"], printed) is not None
    assert missing_line(["the end", "…"], printed) == "the end"


# ---- The API contract


def parameters(arguments: ast.arguments) -> list[tuple[str, str | None]]:
    """Return the name and the default of each parameter. Names of parameters after `*` start with a star."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [ast.unparse(one) for one in arguments.defaults]
    named = [
        (f"*{one.arg}", ast.unparse(value) if value else None)
        for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults)
    ]
    return [*zip([one.arg for one in positional], defaults), *named]


def parameters_of(function: object) -> list[tuple[str, str | None]]:
    found = []
    for one in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        name = f"*{one.name}" if one.kind is one.KEYWORD_ONLY else one.name
        found.append((name, None if one.default is one.empty else repr(one.default)))
    return [one for one in found if one[0] != "self"]


SIGNATURES = [
    (block.name, signature)
    for block in all_blocks()
    if is_signature(block)
    for signature in re.sub(r"\n +", " ", block.text).splitlines()
]


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_a_signature_is_that_of_the_function(name: str, signature: str) -> None:
    called, _, rest = signature.partition("(")
    tree = ast.parse(f"def f({rest}: ...")
    assert isinstance(tree.body[0], ast.FunctionDef)
    functions = [getattr(of, called.rpartition(".")[2], None) for of in TYPES]
    assert parameters(tree.body[0].args) in [parameters_of(one) for one in functions if one is not None], name


# ---- Claims about other projects' figures


def test_figures_beside_peers_are_in_the_benchmarks() -> None:
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
    figures = re.findall(r"[+−×]\d+(?:\.\d+)?(?: \([\d.]+ – [\d.]+\))?|\d+(?:\.\d+)? s\b", page)
    assert len(figures) > 30
    assert sorted({one for one in figures if one not in benchmarks}) == []


def test_the_reference_has_every_public_name() -> None:
    text = (ROOT / "docs" / "site" / "api.md").read_text(encoding="utf-8")
    described: set[str] = set()
    for module, directive in re.findall(r"currentmodule:: (\S+)\n\n((?:.. auto.*\n(?:   .*\n)*)+)", text):
        described |= {f"{module}.{one}" for one in re.findall(r"auto\w+:: (\w+)", directive)}
    wanted = {f"spprof.memprof.{name}" for name in spprof.memprof.__all__}
    wanted |= {f"spprof.{name}" for name in spprof.__all__} | {"spprof.http.wsgi", "spprof.http.asgi"}
    assert wanted - described == {"spprof.Frame", "spprof.memprof", "spprof.__version__"}
    assert described <= wanted
