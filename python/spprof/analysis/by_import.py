"""A profile, totalled by import.

    <module> (app.py:1) ─► import json ─► <module> (json/__init__.py:106) ─► import json.decoder ─► …
                           total: everything beneath it            own part of json.decoder: down to the next import

The profile must be a result of ``with_imports_folded``.
"""

from __future__ import annotations

from spprof.analysis.imports import IMPORT, UNKNOWN
from spprof.analysis.sites import SiteKey, Sums, key_of
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.analysis.by_site import Tally
    from spprof.results import Frame

SEVERAL = "<one of several>"
"""Stands for a module that was still being loaded by a line that may have been importing any of several modules."""

_NOWHERE = SiteKey("", "", 0)


class Import(NamedTuple):
    """The cost of an import."""

    module: str
    file: str
    """The module's file; "" if unknown."""
    importer: SiteKey
    """The line that imported it or, if there are several, the one with the largest cost. It has no file if the line is
    unknown.
    """
    own: Sums
    """Excludes the modules that this module imports in turn."""
    total: Sums


def by_import(tally: Tally) -> list[Import]:
    """Return every import that has a cost, in no particular order."""
    found: dict[Frame, _Costs] = {}
    for stack, sums in tally.stacks.items():
        if sums.is_nothing:
            continue
        met = list(_imports(tally.profile.frames(stack)))
        for at, (frame, importer) in enumerate(met):
            costs = found.get(frame)
            if costs is None:
                costs = found[frame] = _Costs()
            if all(frame != other for other, _ in met[:at]):  # count a module that imports itself once
                costs.total.add(sums)
                costs.importers[importer] = costs.importers.get(importer, 0) + sums.fixed
            if at == len(met) - 1:
                costs.own.add(sums)
    return [costs.of(frame) for frame, costs in found.items()]


class _Costs:
    __slots__ = ("importers", "own", "total")

    def __init__(self) -> None:
        self.own = Sums()
        self.total = Sums()
        self.importers: dict[SiteKey, int] = {}

    def of(self, frame: Frame) -> Import:
        importer = max(self.importers, key=lambda key: (self.importers[key], key))
        is_known = frame != UNKNOWN
        module = frame.function[len(IMPORT) :] if is_known else SEVERAL
        return Import(module, frame.file if is_known else "", importer, self.own, self.total)


def _imports(leaf_first: Sequence[Frame]) -> Iterator[tuple[Frame, SiteKey]]:
    """Yield the imports of a stack, root first, each with the line that imports."""
    importer = _NOWHERE
    for frame in reversed(leaf_first):
        if frame.is_python and frame.line == 0 and (frame == UNKNOWN or frame.function.startswith(IMPORT)):
            yield frame, importer
        elif frame.is_python:
            importer = key_of(frame)
