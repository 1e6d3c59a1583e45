"""Places: the lines of code that the report distinguishes, each with its package and whether it is a library.

/app/shop/cart.py                      shop               yours
/usr/lib/python3.11/json/decoder.py    standard library   library
…/site-packages/numpy/core/_a.py       numpy              library
a native frame of libz.so.1            libz               library, if the profile has Python frames
"""

from __future__ import annotations

from os.path import splitext

from spprof.analysis.libraries import installed_part, is_library, is_standard
from spprof.report.model import Place
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.analysis.paths import ShortPaths
    from spprof.results import Frame

STANDARD_LIBRARY = "standard library"


class Places:
    """Numbers the places of some profiles by their displayed form."""

    def __init__(self, has_python: bool, paths: ShortPaths) -> None:
        self._has_python = has_python
        self._paths = paths
        self.rows: list[Place] = []
        self.files: list[str] = []
        """The file names of the places, as Python knows them."""
        self._number: dict[tuple[str, str, int, bool], int] = {}

    def path(self, leaf_first: Iterable[Frame]) -> tuple[int, ...]:
        """Return the numbers of the frames, root first."""
        return tuple(self._number_of(frame) for frame in leaf_first)[::-1]

    def site_of(self, path: tuple[int, ...]) -> int:
        """Return the place to which a stack is attributed: its innermost Python call, else its innermost call; -1:
        none.
        """
        rows = self.rows
        return next((place for place in reversed(path) if rows[place].is_python), path[-1] if path else -1)

    def yours_of(self, path: tuple[int, ...]) -> int:
        """Return the innermost place of the program's own Python code; -1: none."""
        rows = self.rows
        return next((place for place in reversed(path) if rows[place].is_python and not rows[place].is_library), -1)

    def _number_of(self, frame: Frame) -> int:
        key = (frame.function, frame.file, frame.line, frame.is_python)
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self.rows)
            self.rows.append(self._place(frame))
            self.files.append(frame.file)
        return number

    def _place(self, frame: Frame) -> Place:
        file = frame.file.replace("\\", "/")
        return Place(
            visible(frame.function) or "?",
            visible(frame.file),
            visible(self._paths.of(frame.file)),
            frame.line,
            visible(package_of(file)),
            frame.is_python,
            is_library(file) if frame.is_python else self._has_python or is_library(file),
        )


def package_of(file: str) -> str:
    """Return the installed package or library to which a file belongs, or else its folder."""
    installed = installed_part(file)
    if installed is not None:
        return splitext(installed)[0]
    if is_standard(file):
        return STANDARD_LIBRARY
    folder, _, name = file.rpartition("/")
    library, found, version = name.partition(".so")
    if found and (not version or version.replace(".", "0").isdecimal()):
        return library.partition(".cpython-")[0].partition(".abi3")[0]
    if name.endswith(".dylib"):
        return name.partition(".")[0]
    return folder.rpartition("/")[2] or splitext(name)[0]
