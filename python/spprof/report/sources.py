"""Source lines for the page, around the largest sites and around the program's own lines.

    which:     each column's largest sites and the program's lines that led to most of them, then its other lines
    from:      linecache's entries for code without a file (a notebook's cells), else the file itself
    not shown: files changed after the profile was taken (CPU profiles: begun), by their times; files other than `.py`

Nothing here raises, and what cannot be read is left out. A file is opened without blocking and only if it is a regular
file: a profile may come from anywhere and name any path.
"""

from __future__ import annotations

import os
import stat
import sys

from spprof.on_demand import IMPORTED_NS
from spprof.records import suppress
from spprof.report.model import Excerpt
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spprof.pprof.profile import Profile
    from spprof.report.model import Report

SITES_MOST = 200
BYTES_MOST = 256 * 1024
COLUMNS_MOST = 160
AROUND = 3

_FILE_BYTES_MOST = 4 << 20
_SUFFIXES = (".py", ".pyw")
_CODING = b"coding"
_OF_NAMES = b"-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def excerpts_of(report: Report, files: Sequence[str], profiles: Sequence[Profile]) -> list[Excerpt]:
    """Return the lines around the report's places. ``files``: the name of each place's file, as Python knows it."""
    # If a module has changed since spprof was imported, the module may have been loaded before the change.
    before_ns = min(IMPORTED_NS, *(profile.time_ns for profile in profiles))
    chosen = _chosen(report)
    of_file: dict[str, list[int]] = {}
    for place in chosen:
        of_file.setdefault(files[place], []).append(place)
    found: dict[int, Excerpt] = {}
    for file, places in of_file.items():
        with suppress(Exception):
            lines = _lines_of(file, before_ns)
            for place in places:
                if report.places[place].line <= len(lines):
                    found[place] = _excerpt(place, report.places[place].line, lines)
    return list(_within(BYTES_MOST, (found[place] for place in chosen if place in found)))


def _within(room: int, excerpts: Iterable[Excerpt]) -> Iterator[Excerpt]:
    """Yield the first excerpts, as many as fit."""
    for excerpt in excerpts:
        room -= sum(len(line.encode("utf-8", "replace")) for line in excerpt.lines)
        if room < 0:
            return
        yield excerpt


def _chosen(report: Report) -> list[int]:
    """Return the Python places with a line, the most important first."""
    rankings = [
        _ranked(at, side.values[column])
        for side in report.sides
        for column in range(len(report.columns))
        for at in (report.entry_sites, report.entry_yours)
    ]
    own = [at for at, place in enumerate(report.places) if not place.is_library]
    found: dict[int, None] = {}
    for place in [*_in_turn(rankings), *own]:
        if place >= 0 and report.places[place].is_python and report.places[place].line > 0:
            found[place] = None
        if len(found) == SITES_MOST:
            break
    return list(found)


def _ranked(places: Sequence[int], values: Sequence[int]) -> list[int]:
    sums: dict[int, int] = {}
    for place, value in zip(places, values):
        if value:
            sums[place] = sums.get(place, 0) + value
    return sorted(sums, key=lambda place: (-abs(sums[place]), place))[:SITES_MOST]


def _in_turn(rankings: Iterable[list[int]]) -> Iterator[int]:
    """Yield the first item of each sequence, then the second of each, and so on."""
    rankings = list(rankings)
    for rank in range(max(map(len, rankings), default=0)):
        yield from (ranking[rank] for ranking in rankings if rank < len(ranking))


def _lines_of(file: str, before_ns: int) -> list[bytes] | list[str]:
    """Return a file's lines; none if they may differ from the lines that ran. May raise any error of reading."""
    cached = getattr(sys.modules.get("linecache"), "cache", {}).get(file)
    if cached is not None and len(cached) == 4 and cached[1] is None:  # it has no file
        return [str(line) for line in cached[2]]
    if not (os.path.isabs(file) and file.endswith(_SUFFIXES)):
        return []
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _FILE_BYTES_MOST or changed_ns > before_ns:
            return []
        content = b""
        while len(content) < status.st_size:
            piece = os.read(descriptor, status.st_size - len(content))
            if not piece:
                break
            content += piece
    finally:
        os.close(descriptor)
    lines: list[bytes] = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    coding = next(filter(None, map(_coding_of, lines[:2])), "utf-8")
    if coding in ("utf-8", "utf8"):
        return lines
    return [line.decode(coding, "replace") for line in lines]


def _coding_of(line: bytes) -> str:
    """Return the encoding that a comment declares (PEP 263); "": none."""
    if not line.lstrip(b" \t\f").startswith(b"#"):
        return ""
    at = line.find(_CODING)
    while at >= 0:
        behind = line[at + len(_CODING) :]
        name = behind[1:].lstrip(b" \t")
        name = name[: len(name) - len(name.lstrip(_OF_NAMES))]
        if behind.startswith((b":", b"=")) and name:
            return name.decode()
        at = line.find(_CODING, at + 1)
    return ""


def _excerpt(place: int, line: int, lines: Sequence[bytes | str]) -> Excerpt:
    """Return the lines around a line, without their common indentation."""
    first = max(line - AROUND, 1)
    texts = [_text(one) for one in lines[first - 1 : line + AROUND]]
    indents = [len(text) - len(text.lstrip(" ")) for text in texts if text.strip()]
    indent = min(indents, default=0)
    return Excerpt(place, first, [visible(text[indent : indent + COLUMNS_MOST]) for text in texts])


def _text(line: bytes | str) -> str:
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    return text[: 4 * COLUMNS_MOST].rstrip().expandtabs()
