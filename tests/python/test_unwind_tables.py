"""Call frame tables of real objects: the engine reads every row exactly as readelf prints it."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from unwind_tables import Function, Tables, compile_reader, described_gaps, differences, functions_of_readelf

pytestmark = pytest.mark.long

FUNCTIONS_COMPARED = 2000  # per object, evenly spread


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("readelf") is None:
        pytest.skip("readelf (binutils) is missing")
    return compile_reader(tmp_path_factory.mktemp("reader"))


def mapped_file(pattern: str) -> Path:
    """Return the object that this process has loaded under a name with this pattern."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        path = line.split(maxsplit=5)[5:]
        if path and re.fullmatch(pattern, Path(path[0]).name):
            return Path(path[0])
    return pytest.skip(f"no object named {pattern} is loaded")


def object_named(name: str) -> Path:
    if name == "interpreter":
        return Path(sys.executable).resolve()
    if name == "libcrypto":
        pytest.importorskip("_ssl")
    if name == "engine":
        from spprof import _engine

        return Path(_engine.library_path())
    return mapped_file(name + r"[-\d.]*\.so[.\d]*")


@pytest.fixture(params=["interpreter", "libpython", "libc", "libcrypto", "engine"])
def file(request: pytest.FixtureRequest) -> Path:
    return object_named(request.param)


def spread(functions: list[Function], count: int) -> list[Function]:
    return functions[:: max(1, len(functions) // count)]


def test_every_row_is_the_one_that_readelf_prints(reader: Path, file: Path) -> None:
    functions = functions_of_readelf(file)
    assert functions
    assert differences(Tables(reader, file), spread(functions, FUNCTIONS_COMPARED)) == []


def test_between_functions_there_is_nothing(reader: Path, file: Path) -> None:
    assert described_gaps(Tables(reader, file), functions_of_readelf(file)) == []


def test_without_the_sorted_table_the_same_rows_are_found(reader: Path) -> None:
    file = object_named("libc")
    tables = Tables(reader, file)
    tables.forget_sorted_table()
    functions = functions_of_readelf(file)
    assert differences(tables, spread(functions, 100)) == []
    assert described_gaps(tables, functions[:200]) == []


def test_a_row_that_is_read_otherwise_is_seen(reader: Path) -> None:
    """The comparison itself can fail, because of a different rule or a different function."""
    file = object_named("libc")
    tables, functions = Tables(reader, file), functions_of_readelf(file)
    function = next(function for function in functions if len(function.rows) > 1)
    assert differences(tables, [function]) == []
    first = function.rows[function.start]
    cfa, first["CFA"] = first["CFA"], "rax+8"
    assert len(differences(tables, [function])) > 0
    first["CFA"] = cfa
    function.end += 1
    assert len(differences(tables, [function])) > 0
