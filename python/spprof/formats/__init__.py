"""Formats: convert a ``pprof.Profile`` to bytes, and write the bytes to a file.

    format or suffix ─► the format's module ─► chunks of bytes ─► atomic_file ─► path

A format is a module with ``write(profile, timeline, with_source)``, which yields the file in chunks of bytes, and an
entry in FORMATS. ``timeline`` is what a profile lacks: the order of a CPU profile's samples in time, as charts, or
None.
"""

from __future__ import annotations

import os

from spprof.formats.atomic_file import is_written_directly, write_file
from spprof.on_demand import module
from spprof.records import suppress
from spprof.reserve import with_reserve, without_reserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol, Union

    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile

    class BinaryFile(Protocol):
        """An open file that takes bytes."""

        def write(self, data: bytes, /) -> object:
            """Write all of ``data``."""

    Target = Union[str, bytes, os.PathLike[str], os.PathLike[bytes], BinaryFile]

    class Format(Protocol):
        """A module that writes a format."""

        def write(
            self, profile: Profile, timeline: Sequence[Chart] | None = None, with_source: bool = True
        ) -> Iterable[bytes]:
            """Yield the file in chunks. Deterministic: equal profiles give the same bytes. ``with_source``: include
            source lines if the format supports them.
            """


FORMATS: dict[str, Format] = {
    name: module(f"spprof.formats.{name}") for name in ("pprof", "speedscope", "collapsed", "html")
}
"""The module that writes each format, keyed by the format's name."""

SUFFIXES = {".pb.gz": "pprof", ".json": "speedscope", ".collapsed": "collapsed", ".txt": "collapsed", ".html": "html"}


def save(
    profile: Profile,
    path: Target,
    format: str | None = None,
    timeline: Sequence[Chart] | None = None,
    with_source: bool = True,
) -> None:
    """Write ``profile`` to ``path`` in ``format``; None means the format that ``format_for`` returns.

    ValueError: unknown format, or None with an unknown suffix. OSError: the file cannot be written; the previous file
    is still there. With a file object: any error that its ``write`` raises.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        for chunk in FORMATS[format_for(path, format)].write(profile, timeline, with_source):
            path.write(chunk)
        return
    target = os.fsdecode(path)
    module = FORMATS[format_of(target, format)]
    write = without_reserve if _is_written_directly(target) else with_reserve
    write(lambda: write_file(target, module.write(profile, timeline, with_source)))


def _is_written_directly(path: str) -> bool:
    """Return whether written data cannot be taken back. If that is unknown, return False: writing will then fail with
    the reason.
    """
    with suppress(OSError):
        return is_written_directly(path)
    return False


def format_for(path: Target, format: str | None) -> str:
    """Like ``format_of``, but also accept a file object, for which None means pprof. ValueError as for ``format_of``.
    TypeError: it is neither a path nor a binary file object.
    """
    if isinstance(path, (str, bytes, os.PathLike)):
        return format_of(os.fsdecode(path), format)
    if not callable(getattr(path, "write", None)):
        raise TypeError(f"save() takes a path or a binary file object, not {type(path).__name__}")
    return format_of("", format or "pprof")


def suffix_of(path: str) -> str:
    """Return the suffix of the path that names a format, spelled as in the path; "" if there is none."""
    lowered = path.lower()
    length = next((len(suffix) for suffix in SUFFIXES if lowered.endswith(suffix)), 0)
    return path[len(path) - length :]


def format_of(path: str, format: str | None = None) -> str:
    """Return the name of the format. If it is None, return the format to which the suffix of ``path`` belongs.
    ValueError: it is unknown.
    """
    known = ", ".join(map(repr, FORMATS))
    if format is not None:
        if format not in FORMATS:
            raise ValueError(f"unknown format {format!r}; this version writes {known}")
        return format
    suffix = suffix_of(path).lower()
    if suffix:
        return SUFFIXES[suffix]
    raise ValueError(
        f"the suffix of {path!r} does not name a known format; pass format= with one of {known}, "
        f"or use one of the suffixes {', '.join(SUFFIXES)}"
    )
