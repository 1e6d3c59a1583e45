"""Distinguishes library code from the program's own code by the location of its file.

/app/shop/cart.py                      the program's own
/usr/lib/python3.11/json/decoder.py    the standard library
…/site-packages/numpy/core/_a.py       installed
/srv/env/bin/gunicorn                  an installed command: a script in bin without a suffix
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALLED = ("/site-packages/", "/dist-packages/")
_PYTHON = ("/lib/python3.", "/lib64/python3.")
_OTHER_STANDARD = ("/usr/local/go/src/", "/lib/rustlib/")
_FOREIGN = ("/pkg/mod/", "/vendor/", "/.cargo/registry/", "/node_modules/")
_FOREIGN_BEGINNINGS = ("/usr/", "/lib", "/System/", "/Library/", "/opt/homebrew/")
_KEPT = 4096

_answers: dict[str, bool] = {}
"""Cached results: they are needed for every frame of every stack, but there are few files."""


def is_library(file: str) -> bool:
    """Return whether a file belongs to a library rather than to the program itself."""
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
        or _is_program(*file.rpartition("/"))
    )


def _is_program(folder: str, _: str, name: str) -> bool:
    """Return whether the file is a program such as ``/opt/bin/ruby``."""
    return folder.endswith("/bin") and bool(name) and "." not in name


def installed_part(file: str) -> str | None:
    """Return the first part of the path below the folder of installed packages; None if the file is not in one."""
    return next((path.partition("/")[0] for path in installed_paths(file)), None)


def installed_paths(file: str) -> list[str]:
    """Return the path below each folder of installed packages that contains the file, the outermost first."""
    return [rest for rest in _behind_each(file, _INSTALLED) if not rest.startswith("/") and rest]


def is_standard(file: str) -> bool:
    """Return whether a file belongs to the standard library of a language."""
    return file.startswith("<frozen ") or bool(standard_paths(file)) or any(part in file for part in _OTHER_STANDARD)


def standard_paths(file: str) -> list[str]:
    """Return the path below each folder of Python's own library that contains the file, the outermost first."""
    parts = (rest.partition("/") for rest in _behind_each(file, _PYTHON))
    return [below for version, slash, below in parts if version.isdecimal() and slash]


def _behind_each(file: str, marks: tuple[str, ...]) -> Iterator[str]:
    """Yield the rest of the path after each of the marks, in the order of the path."""
    at = 0
    while True:
        found = [(place, len(mark)) for mark in marks if (place := file.find(mark, at)) >= 0]
        if not found:
            return
        place, length = min(found)
        yield file[place + length :]
        at = place + 1
