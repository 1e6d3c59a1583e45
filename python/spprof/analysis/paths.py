"""Short paths for readers.

    /srv/app/shop/cart.py                             shop/cart.py        in the program's own folder
    /usr/lib/python3/dist-packages/yaml/loader.py     yaml/loader.py
    /usr/lib/python3.11/json/decoder.py               python3.11/json/decoder.py
    /build/python3.11-3.11.2/Objects/dictobject.c     Objects/dictobject.c, whatever folder CPython was built in

The program's own folder is the one that contains all of its files, apart from libraries. Files and JSON keep full
paths.
"""

from __future__ import annotations

from os.path import commonpath, dirname

from spprof.analysis.libraries import installed_paths, is_library, standard_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.analysis.sites import Site, SiteKey
    from spprof.pprof.profile import Profile

_OF_INTERPRETER = ("Include", "Modules", "Objects", "Parser", "Programs", "Python")
"""Folders of CPython's source."""


class ShortPaths:
    """The short paths for the files of one program."""

    def __init__(self, files: Iterable[str]) -> None:
        """``files``: the files of Python frames."""
        self._folder = _common_folder({file for file in files if file.startswith("/") and not is_library(file)})
        self._known: dict[str, str] = {}

    def of(self, file: str) -> str:
        """Return the path to show for ``file``."""
        short = self._known.get(file)
        if short is None:
            short = self._known[file] = self._shortened(file)
        return short

    def _shortened(self, file: str) -> str:
        installed = installed_paths(file)
        if installed:
            return installed[-1]
        standard = standard_paths(file)
        if standard:
            above = file[: -len(standard[-1]) - 1]
            return file[above.rindex("/") + 1 :]
        source = _in_interpreter(file)
        if source:
            return source
        return file[len(self._folder) :] if self._folder and file.startswith(self._folder) else file


def _in_interpreter(file: str) -> str:
    """Return the path within CPython's source; "" if the file is not part of it."""
    if not file.endswith((".c", ".h")):
        return ""
    parts = file.split("/")
    if not _is_word(parts[-1][:-2], "-_."):
        return ""
    for at in range(len(parts) - 2, 0, -1):
        if parts[at] in _OF_INTERPRETER:
            return "/".join(parts[at:])
        if not _is_word(parts[at], "-_"):
            return ""
    return ""


def _is_word(text: str, more: str) -> bool:
    return bool(text) and all(character.isalnum() or character in more for character in text)


def paths_of(*profiles: Profile) -> ShortPaths:
    """Return the short paths of the files in profiles."""
    frames = (frame for profile in profiles for location in profile.locations for frame in location.frames)
    return ShortPaths(frame.file for frame in frames if frame.is_python and frame.line)  # a data file has no line


def paths_of_sites(sites: Iterable[tuple[SiteKey, Site]]) -> ShortPaths:
    """Return the short paths of sites and of the program's lines that called them."""
    return ShortPaths(one.file for key, site in sites for one in (key, *site.callers) if one.file.endswith(".py"))


def _common_folder(files: set[str]) -> str:
    """Return the folder that contains all files, with a trailing slash. Return "" if that folder is too far up to be
    the program's: if it is the root, or a folder directly below the root that contains none of the files itself.
    """
    if not files:
        return ""
    folders = {dirname(file) for file in files}
    common = commonpath(folders)
    is_deep = common.count("/") > 1
    return f"{common}/" if common != "/" and (is_deep or common in folders) else ""
