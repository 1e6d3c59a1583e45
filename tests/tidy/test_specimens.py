"""If tests run a program of more than ten lines in a child process, the program is a file, so that lint sees it."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, sources

LONGEST = 10
FOLDERS = ("tests/python", "tests/accuracy", "tests/helpers", "tests/tidy")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each string except docstrings, with its line. A word replaces each value that an f-string inserts."""
    passed_over = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    passed_over |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "inserted" for part in node.values]
            yield node.lineno, "".join(map(str, parts))


def is_long_program(text: str) -> bool:
    """Return True for a long Python program. Other text is a C program or a document."""
    if sum(not line.isspace() for line in text.strip().splitlines() if line) <= LONGEST:
        return False
    try:
        ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return False
    return True


def long_programs(file: Path) -> list[int]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return [line for line, text in texts(tree) if is_long_program(text)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_long_programs_are_files_of_tests_specimens(folder: str) -> None:
    found = {str(file): long_programs(file) for file in sources(folder, pattern="*.py")}
    assert {file: lines for file, lines in found.items() if lines} == {}


def test_a_long_program_is_seen_however_it_is_written() -> None:
    body = "\n".join(["x = 1"] * 10)
    for written, seen in [
        (f'run("""{body}""")', False),
        (f'run("""{body}\ny = 2""")', True),
        (f'PROGRAM = """\n{body}\ny = 2\n"""', True),
        (f'run(f"""\n    y = {{y}}\n{textwrap.indent(body, "    ")}\n""")', True),
        (f'"""{body}\ny = 2"""', False),
        ('C = """' + "int x;\n" * 20 + '"""', False),
    ]:
        assert any(is_long_program(text) for _, text in texts(ast.parse(written))) is seen, written
