"""The objects in which native frames lie, as the mappings of a profile.

    modules: (start, end, base, tenant, path, build id), in the order in which they were first seen
      └─► Mapping rows: the program first, as readers expect; address ─► its row

Where several objects stood at one place one after the other, the latest is taken.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import TYPE_CHECKING

from spprof.pprof.profile import Mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

Module = tuple[int, int, int, int, str, bytes]


class Mappings:
    """Rows for the modules, and where an address lies among them."""

    def __init__(self, modules: Sequence[Module], program: str | None = None) -> None:
        program = os.path.realpath("/proc/self/exe") if program is None else program
        ordered = sorted(modules, key=lambda module: module[4] != program)
        self.rows = [_mapping(module) for module in ordered]
        latest: dict[int, tuple[int, int]] = {}
        for index, module in enumerate(ordered):
            if module[0] not in latest or latest[module[0]][0] < module[3]:
                latest[module[0]] = (module[3], index)
        self._starts = sorted(latest)
        self._indexes = [latest[start][1] for start in self._starts]

    def index_of(self, address: int) -> int:
        """The row of the object in which ``address`` lies; -1: in none."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return -1
        index = self._indexes[place]
        return index if address < self.rows[index].limit else -1


def _mapping(module: Module) -> Mapping:
    start, end, base, _, path, build_id = module
    # Of an object that may lie anywhere, addresses in the file begin at 0, and so does its first mapping.
    return Mapping(start, end, start - base if base else 0, path, build_id.hex())
