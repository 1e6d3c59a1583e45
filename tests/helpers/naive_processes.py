"""Processes that allocate, free and fork, kept in lists, as a reference for merged profiles.

The engine's table numbers a stack as the stack's own number plus 1000 for each fork, because the samples of each
process have separate records there.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field

from naive_heap import Block, NaiveHeap, python_frame
from spprof import _engine
from spprof.heap.to_pprof import profile_of
from spprof.pprof.processes import Lineage
from spprof.pprof.profile import Profile

STACKS = {number: (python_frame(f"site{number}"), python_frame("main", 7)) for number in range(1, 6)}
_A_FORK = 1000


class _Heap(NaiveHeap):
    def sites(self):  # type: ignore[no-untyped-def]
        return [(*row, 0, row[0] // _A_FORK) for row in super().sites()]


@dataclass
class Process:
    """A process. ``lineage`` lists (pid, mark) of its ancestors and itself."""

    lineage: tuple[tuple[int, int], ...]
    heap: NaiveHeap = field(
        default_factory=lambda: _Heap(
            {number + _A_FORK * birth: stack for birth in range(8) for number, stack in STACKS.items()}
        )
    )
    forked_serial: int = 0

    def allocate(self, size: int, rate: int, stack: int) -> Block:
        return self.heap.add(size, rate, stack + _A_FORK * (len(self.lineage) - 1))

    def fork(self, pid: int, mark: int) -> Process:
        self.forked_serial = len(self.heap.blocks)
        return Process((*self.lineage, (pid, mark)), copy.deepcopy(self.heap), self.forked_serial)

    def profile(self, rate: int = 4096) -> Profile:
        snapshot = self.heap.snapshot(rate)
        return profile_of(dataclasses.replace(snapshot, lineage=Lineage(self.lineage, self.forked_serial)), modules=())

    def held(self) -> dict[tuple[int, int], Block]:
        """Return the live blocks, keyed by (mark of the process that allocated them, serial)."""
        return {self._key(block): block for block in self.heap.live()}

    def ever(self) -> dict[tuple[int, int], Block]:
        """Return all blocks that were ever sampled, as far as this process knows, keyed by (mark, serial)."""
        return {self._key(block): block for block in self.heap.blocks}

    def _key(self, block: Block) -> tuple[int, int]:
        return self.lineage[block.stack_id // _A_FORK][1], block.serial


def fixed(blocks: list[Block]) -> float:
    """Return the bytes that the blocks represent."""
    return sum(round(block.weight * _engine.BYTES_ONE) for block in blocks) / _engine.BYTES_ONE
