"""No two objects depend on each other, directly or indirectly. What they share belongs below both.

Dependencies are read from the symbols of the compiled objects, so a local declaration cannot hide one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from conftest import output_of

Arrows = Mapping[str, "set[str]"]

# The folders of objects in the build tree, keyed by the binary linked from them.
BINARIES = {
    "engine": ("src/*/lib*.a.p", "libspprof_alloc.so.p"),
    "extension": ("src/python/*.so.p",),
}
DEFINED = set("ABCDGRSTVWiu")
UNDEFINED = set("Uvw")


def symbols_of(file: Path) -> tuple[set[str], set[str]]:
    """Return the external symbols that an object defines, and the undefined ones that it uses."""
    lines = [line.split() for line in output_of("nm", "--format=posix", file).splitlines()]
    defined = {words[0] for words in lines if words[1] in DEFINED}
    used = {words[0] for words in lines if words[1] in UNDEFINED}
    return defined, used


def arrows_between(objects: Iterable[Path]) -> dict[str, set[str]]:
    """Return the objects that each object uses, by name. Symbols that no object defines belong to other libraries."""
    symbols = {file.name: symbols_of(file) for file in objects}
    home = {symbol: name for name, (defined, _) in symbols.items() for symbol in defined}
    return {name: {home[symbol] for symbol in used if symbol in home} - {name} for name, (_, used) in symbols.items()}


def reached_from(start: str, arrows: Arrows) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = arrows[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def circles(arrows: Arrows) -> list[list[str]]:
    """Return each set of objects that all depend on one another, sorted."""
    reached = {name: reached_from(name, arrows) for name in arrows}
    found = {frozenset(other for other in reached[name] if name in reached[other]) for name in arrows}
    return sorted(sorted(circle) for circle in found if circle)


@pytest.mark.parametrize("binary", BINARIES)
def test_no_two_objects_need_each_other(build_dir: Path, binary: str) -> None:
    objects = [file for folder in BINARIES[binary] for file in build_dir.glob(f"{folder}/*.o")]
    arrows = arrows_between(objects)
    assert sum(map(len, arrows.values())) > 10, "objects that use nothing of each other cannot be right"
    assert circles(arrows) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d", "a"}}) == [["b", "c"], ["d"]]
