"""A profile summed up by import.

    <module> (app.py:1) ─► import json ─► <module> (json/__init__.py:106) ─► import json.decoder ─► …
                           total: all beneath it                   own of json.decoder: down to the next import

The profile is one of ``with_imports_folded``.
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
"""Stands for modules that were being loaded when it was not known yet which of a line's they are."""

_NOWHERE = SiteKey("", "", 0)


class Import(NamedTuple):
    """What an import costs."""

    module: str
    file: str
    """Of the module; "" where it is not known."""
    importer: SiteKey
    """The line that imported it, of several the one with the largest cost; without a file where none is known."""
    own: Sums
    """Without what the module imports in turn."""
    total: Sums


def by_import(tally: Tally) -> list[Import]:
    """Every import with a cost, in no order."""
    found: dict[Frame, _Costs] = {}
    for stack, sums in tally.stacks.items():
        if sums.is_nothing:
            continue
        met = list(_imports(tally.profile.frames(stack)))
        for at, (frame, importer) in enumerate(met):
            costs = found.get(frame)
            if costs is None:
                costs = found[frame] = _Costs()
            if all(frame != other for other, _ in met[:at]):  # once for a module that imports itself
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
    """The imports of a stack, root first, each with the line that imports."""
    importer = _NOWHERE
    for frame in reversed(leaf_first):
        if frame.is_python and frame.line == 0 and (frame == UNKNOWN or frame.function.startswith(IMPORT)):
            yield frame, importer
        elif frame.is_python:
            importer = key_of(frame)
