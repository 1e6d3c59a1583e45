"""A heap model that keeps everything in lists and sums in plain loops, as a reference for snapshots.

It also packs its contents as the engine does, so that a real HeapSnapshot can be built from it.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from spprof import _engine
from spprof.heap.samples import allocated_by_stack
from spprof.heap.snapshot import HeapSnapshot
from spprof.results import Frame, ResidentMemory

WALL_MINUS_MONOTONIC_NS = 1_700_000_000_000_000_000


@dataclass
class Block:
    serial: int
    size: int
    rate: int
    stack_id: int
    live: bool = True
    at_peak: bool = True
    """True if the block was live when the heap was at its largest."""
    time_ns: int | None = None
    """Allocation time, on a clock that starts with the heap. If None, the block was allocated soon after the start."""

    @property
    def probability(self) -> float:
        return 1.0 if self.rate == 0 else 1.0 - math.exp(-self.size / self.rate)

    @property
    def weight(self) -> float:
        return self.size / self.probability


def python_frame(function: str, line: int = 1, file: str = "/app/module.py") -> Frame:
    return Frame(function, file, line, 0, True)


def native_frame(function: str, address: int = 0x1000, file: str = "") -> Frame:
    return Frame(function, file, 0, address, False)


@dataclass
class NaiveHeap:
    """Sampled blocks, and stacks by id."""

    stacks: dict[int, tuple[Frame, ...]]
    blocks: list[Block] = field(default_factory=list)
    learned: list[int] = field(default_factory=list)
    """Ids of the stacks whose frames were requested together."""

    def add(self, size: int, rate: int, stack_id: int) -> Block:
        block = Block(len(self.blocks) + 1, size, rate, stack_id)
        self.blocks.append(block)
        return block

    def live(self) -> list[Block]:
        return [block for block in self.blocks if block.live]

    def at_peak(self) -> list[Block]:
        return [block for block in self.blocks if block.at_peak]

    def snapshot(
        self,
        rate: int = 4096,
        before: tuple[tuple[int, ...], ...] = (),
        memory: ResidentMemory | None = None,
        now_ns: int = 0,
    ) -> HeapSnapshot:
        """Return a snapshot. ``memory`` describes the simulated process instead of this one."""
        live = self.live()
        made = HeapSnapshot(
            live_samples=len(live),
            total_samples=len(self.blocks),
            sampling_rate_bytes=rate,
            timestamp_ns=WALL_MINUS_MONOTONIC_NS + now_ns,
            _highest_bytes=0,
            _packed=b"".join(map(_packed, reversed(live))),
            _sites=self.sites(),
            _wall_minus_monotonic_ns=WALL_MINUS_MONOTONIC_NS,
            _before=allocated_by_stack(before),  # type: ignore[arg-type]
            _peaks=b"".join(self.packed_peaks()),
            _frames_of=self.stacks.__getitem__,
            _native_part=self.native_part,
            _learn=self.learned.extend,
        )
        vars(made)["_resident"] = memory
        return made

    def native_part(self, stack_id: int) -> tuple[int, bool, int]:
        """Report the native part of every stack as complete."""
        native = [frame.address for frame in self.stacks[stack_id] if frame.address]
        return len(native), False, native[-1] if native else 0

    def packed_peaks(self) -> Iterator[bytes]:
        """Yield one record for each stack, packed as in the extension. The window's peak is also the process's peak."""
        for stack_id in self.stacks:
            held = [block for block in self.at_peak() if block.stack_id == stack_id]
            sums = len(held), sum(block.size for block in held), *_sums(held), *moments(held)
            yield struct.pack(_engine.PEAK_FORMAT, stack_id, *sums, *sums)

    def sites(self):  # type: ignore[no-untyped-def]
        """Yield one tuple for each stack, as the extension does."""
        rows = []
        for stack_id in self.stacks:
            every = [block for block in self.blocks if block.stack_id == stack_id]
            live = [block for block in every if block.live]
            if every:
                now = (len(live), sum(block.size for block in live), *_sums(live), *moments(live))
                rows.append((stack_id, *now, *_moments_of_objects(live), len(every), *_sums(every), *moments(every)))
        return rows


def random_heap(seed: int, stacks: dict[int, tuple[Frame, ...]], blocks: int = 400) -> NaiveHeap:
    """Return a heap of mixed sizes and rates in which a third of the blocks are freed."""
    chance = random.Random(seed)
    heap = NaiveHeap(stacks)
    for _ in range(blocks):
        block = heap.add(int(chance.lognormvariate(6, 2)) + 1, chance.choice([0, 512, 4096]), chance.choice([*stacks]))
        block.live = chance.random() < 0.67
    return heap


def _packed(block: Block) -> bytes:
    time_ns = 1000 * block.serial if block.time_ns is None else block.time_ns
    return struct.pack(
        _engine.SAMPLE_FORMAT, 16 * block.serial, block.size, time_ns, block.serial, block.rate, 77, block.stack_id
    )


def _sums(blocks: list[Block]) -> tuple[int, int]:
    return (
        sum(round(block.weight * _engine.BYTES_ONE) for block in blocks),
        sum(round(1.0 / block.probability * _engine.OBJECTS_ONE) for block in blocks),
    )


def moments(blocks: list[Block]) -> tuple[float, float]:
    return (
        sum((1.0 - block.probability) * block.weight**2 for block in blocks),
        sum((1.0 - block.probability) ** 2 * block.weight**3 for block in blocks),
    )


def _moments_of_objects(blocks: list[Block]) -> tuple[float, float]:
    return (
        sum((1.0 - block.probability) / block.probability**2 for block in blocks),
        sum((1.0 - block.probability) ** 2 / block.probability**3 for block in blocks),
    )
