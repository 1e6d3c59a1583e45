"""Paths as short as a reader needs them.

    /srv/app/shop/cart.py                             shop/cart.py        in the program's own folder
    /usr/lib/python3/dist-packages/yaml/loader.py     yaml/loader.py
    /usr/lib/python3.11/json/decoder.py               python3.11/json/decoder.py
    /build/python3.11-3.11.2/Objects/dictobject.c     Objects/dictobject.c, whatever folder CPython was built in

The program's own folder is the one that all of its files are in, libraries left out. Files and JSON keep whole paths.
"""

from __future__ import annotations

import re
from os.path import commonpath, dirname

from spprof.analysis.libraries import INSTALLED, is_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.analysis.sites import Site, SiteKey
    from spprof.pprof.profile import Profile

_STANDARD = re.compile(r"^.*/lib(?:64)?/(?=python3\.\d+/)")
_INTERPRETER = re.compile(r"^.*/(?=(?:Include|Modules|Objects|Parser|Programs|Python)/(?:[\w-]+/)*[\w.-]+\.[ch]$)")


class ShortPaths:
    """The short paths of the files of one program."""

    def __init__(self, files: Iterable[str]) -> None:
        """``files``: those of Python frames."""
        self._folder = _common_folder({file for file in files if file.startswith("/") and not is_library(file)})
        self._known: dict[str, str] = {}

    def of(self, file: str) -> str:
        """The path to show for ``file``."""
        short = self._known.get(file)
        if short is None:
            short = self._known[file] = self._shortened(file)
        return short

    def _shortened(self, file: str) -> str:
        installed = list(INSTALLED.finditer(file))
        if installed:
            return file[installed[-1].start(1) :]
        for prefix in (_STANDARD, _INTERPRETER):
            found = prefix.match(file)
            if found:
                return file[found.end() :]
        return file[len(self._folder) :] if self._folder and file.startswith(self._folder) else file


def paths_of(*profiles: Profile) -> ShortPaths:
    """The short paths of what profiles hold."""
    frames = (frame for profile in profiles for location in profile.locations for frame in location.frames)
    return ShortPaths(frame.file for frame in frames if frame.is_python)


def paths_of_sites(sites: Iterable[tuple[SiteKey, Site]]) -> ShortPaths:
    """The short paths of sites and of the program's lines that led there."""
    return ShortPaths(one.file for key, site in sites for one in (key, *site.callers) if one.file.endswith(".py"))


def _common_folder(files: set[str]) -> str:
    """The folder that all files are in, with a slash at its end; "" where that is too far up to be the program's: the
    root, or a folder in it that holds none of the files itself."""
    if not files:
        return ""
    folders = {dirname(file) for file in files}
    common = commonpath(folders)
    is_deep = common.count("/") > 1
    return f"{common}/" if common != "/" and (is_deep or common in folders) else ""
