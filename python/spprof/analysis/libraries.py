"""Which code is a library's and which the program's own, by where its file lies.

/app/shop/cart.py                      the program's own
/usr/lib/python3.11/json/decoder.py    the standard library
…/site-packages/numpy/core/_a.py       installed
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALLED = ("/site-packages/", "/dist-packages/")
_PYTHON = ("/lib/python3.", "/lib64/python3.")
_OTHER_STANDARD = ("/usr/local/go/src/", "/lib/rustlib/")
_FOREIGN = ("/pkg/mod/", "/vendor/", "/.cargo/registry/", "/node_modules/")
_FOREIGN_BEGINNINGS = ("/usr/", "/lib")
_KEPT = 4096

_answers: dict[str, bool] = {}
"""Of the files that were last asked for: every frame of every stack asks, of few files."""


def is_library(file: str) -> bool:
    """Whether a file is of a library and not of the program itself."""
    known = _answers.get(file)
    if known is None:
        if len(_answers) >= _KEPT:
            _answers.clear()
        known = _answers[file] = _is_library(file)
    return known


def _is_library(file: str) -> bool:
    return (
        installed_part(file) is not None
        or is_standard(file)
        or file.startswith(_FOREIGN_BEGINNINGS)
        or any(part in file for part in _FOREIGN)
    )


def installed_part(file: str) -> str | None:
    """The first part of the path below the folder of installed packages; None: it is in none."""
    parts = (rest.partition("/")[0] for rest in _behind_each(file, _INSTALLED))
    return next((part for part in parts if part), None)


def is_standard(file: str) -> bool:
    """Whether a file is of a language's standard library."""
    return (
        file.startswith("<frozen ")
        or any(_is_version(rest.partition("/")) for rest in _behind_each(file, _PYTHON))
        or any(part in file for part in _OTHER_STANDARD)
    )


def _is_version(parts: tuple[str, str, str]) -> bool:
    return parts[0].isdecimal() and parts[1] == "/"


def _behind_each(file: str, marks: tuple[str, ...]) -> Iterator[str]:
    """What comes behind each of the marks, in the order of the path."""
    at = 0
    while True:
        found = [(place, len(mark)) for mark in marks if (place := file.find(mark, at)) >= 0]
        if not found:
            return
        place, length = min(found)
        yield file[place + length :]
        at = place + 1
