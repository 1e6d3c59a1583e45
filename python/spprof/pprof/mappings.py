"""The objects that contain native frames, as the mappings of a profile.

modules: (start, end, base, generation, path, build id), in the order in which they were first seen
  └─► Mapping rows: the program first, as readers expect; address ─► its row
"""

from __future__ import annotations

import os
import sys

from spprof.pprof.profile import Mapping
from spprof.symbolize.modules import Module, Modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    ModuleRecord = tuple[int, int, int, int, str, bytes]


class Mappings:
    """Rows for the modules, and the lookup of the row for an address."""

    def __init__(self, modules: Sequence[ModuleRecord], program: str | None = None) -> None:
        program = program_path() if program is None else program
        ordered = sorted((Module(*record) for record in modules), key=lambda module: module.path != program)
        self.rows = [_mapping(module) for module in ordered]
        self._index = {module: index for index, module in enumerate(ordered)}
        self._modules = Modules(modules)

    def index_of(self, address: int) -> int:
        """Return the row of the object that contains ``address``, the latest one loaded there; -1: no object contains
        it.
        """
        module = self._modules.latest_at(address)
        return -1 if module is None else self._index[module]


def program_path() -> str:
    """Return the path of the running program, as the kernel reports it, or else as Python does."""
    return os.path.realpath("/proc/self/exe" if os.path.lexists("/proc/self/exe") else sys.executable)


def _mapping(module: Module) -> Mapping:
    # In a relocatable object, addresses in the file begin at 0, and so does its first mapping.
    offset = module.start - module.base if module.base else 0
    return Mapping(module.start, module.end, offset, module.path, module.build_id.hex())
