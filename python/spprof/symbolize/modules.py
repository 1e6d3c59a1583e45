"""The objects that contain native frames, and the only function that looks up the object at an address.

    word:     generation (16 bits) │ return address (48 bits)
    modules:  generation 0: ├─ python ─┤  ├─ libc ─┤   ├─ liba ─┤
              generation 1:                            ├── libb ──┤      liba was unloaded, libb replaced it

Objects of one generation do not overlap. A word contains its generation. If only an address is known, the latest
generation that has an object there is used.
"""

from __future__ import annotations

import os
from bisect import bisect_right

from spprof import _engine
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# The bits of a native word, as in include/spprof.h.
_GENERATION_SHIFT = 48
ADDRESS = (1 << _GENERATION_SHIFT) - 1


class Module(NamedTuple):
    """An object in which a frame was seen, as returned by ``_engine.modules()``."""

    start: int
    end: int
    base: int
    generation: int
    path: str
    build_id: bytes

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


class Modules:
    """Finds the object at an address."""

    def __init__(self, records: Iterable[tuple[int, int, int, int, str, bytes]]) -> None:
        self._of_generation: dict[int, list[Module]] = {}  # ascending
        for module in sorted(Module(*record) for record in records):
            if module.start < module.end:
                self._of_generation.setdefault(module.generation, []).append(module)
        self._starts = {generation: [one.start for one in some] for generation, some in self._of_generation.items()}
        self._latest_first = sorted(self._starts, reverse=True)

    def holding(self, word: int) -> Module | None:
        """Return the module of the call that returns to a native word's address."""
        return self._at(word >> _GENERATION_SHIFT, (word & ADDRESS) - 1)

    def latest_at(self, address: int) -> Module | None:
        """Return the module that was loaded last at ``address``."""
        for generation in self._latest_first:
            found = self._at(generation, address)
            if found is not None:
                return found
        return None

    def _at(self, generation: int, address: int) -> Module | None:
        index = bisect_right(self._starts.get(generation, ()), address) - 1
        if index < 0 or address >= self._of_generation[generation][index].end:
            return None
        return self._of_generation[generation][index]


def module_paths(words: Iterable[int]) -> dict[int, str]:
    """Return the paths of the modules that contain native words. Words that are in no module are left out."""
    modules = Modules(_engine.modules())
    found = {word: modules.holding(word) for word in words}
    return {word: module.path for word, module in found.items() if module}
