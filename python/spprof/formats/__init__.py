"""Writers: a snapshot or CPU profile to bytes, and the bytes to a file.

    format or suffix ─► writer module ─► chunks of bytes ─► atomic_file ─► path

A writer is a module with ``write(source)``, which yields the file in chunks of bytes. A new format is one module and
one line of FORMATS.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spprof.formats.source import Chart
    from spprof.heap.snapshot import Column, StackTotals
    from spprof.pprof.profile import Profile

FORMATS = {
    "pprof": "spprof.formats.pprof",
    "speedscope": "spprof.formats.speedscope",
    "collapsed": "spprof.formats.collapsed",
    "html": "spprof.formats.html",
}
"""Format name to the module that writes it, imported when first used."""

SUFFIXES = {".pb.gz": "pprof", ".json": "speedscope", ".collapsed": "collapsed", ".txt": "collapsed", ".html": "html"}


class StackSource(Protocol):
    """What the writers take: a snapshot, a CPU profile, or a profile from a file (profile_stacks.py)."""

    @property
    def title(self) -> str:
        """What it is, in a few words."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name and unit of each weight."""

    def stack_totals(self) -> list[StackTotals]:
        """Every stack with its weights, in order."""

    def charts(self) -> Iterable[Chart]:
        """What viewers that draw one chart at a time show: by column or by thread."""

    def recorded(self) -> Profile:
        """All of it, as it stands in a pprof file."""


def save(
    source: StackSource, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], format: str | None = None
) -> None:
    """Writes ``source`` to ``path`` in ``format``, or in that of the suffix where it is None.

    ValueError: unknown format, or None and an unknown suffix. OSError: the file cannot be written; what was there
    before is still there.
    """
    from spprof.formats.atomic_file import write_file

    target = os.fsdecode(path)
    module = import_module(FORMATS[format_of(target, format)])
    write = cast("Callable[[StackSource], Iterable[bytes]]", module.write)
    write_file(target, write(source))


def format_of(path: str, format: str | None = None) -> str:
    """The name of the format, or of the one that the suffix of ``path`` means. ValueError: neither is known."""
    known = ", ".join(map(repr, FORMATS))
    if format is not None:
        if format not in FORMATS:
            raise ValueError(f"unknown format {format!r}; this version writes {known}")
        return format
    lowered = path.lower()
    for suffix, name in SUFFIXES.items():
        if lowered.endswith(suffix):
            return name
    raise ValueError(
        f"the suffix of {path!r} names no format; pass format= with one of {known}, "
        f"or use one of the suffixes {', '.join(SUFFIXES)}"
    )
