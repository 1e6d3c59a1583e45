"""Heaps over time, block by block: the contents of each snapshot of a series, and reference sums from plain loops."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Optional

from naive_heap import python_frame
from spprof.analysis.sample_weights import weight
from spprof.pprof.profile import HEAP_TYPES, Label, Location, Profile, Sample, ValueType
from spprof.report.history import Moment, moment_of

START_NS = 1_790_000_000_000_000_000
"""2026-09-21 14:13:20 UTC."""
BOOTED_MS = 5_000_000
EVERY_MS = 10_000

MAIN = python_frame("main", 3, "/srv/app/main.py")


@dataclass
class Block:
    """A sampled block."""

    function: int
    """The index of the allocating function, which main called."""
    size: int
    thread: str
    born: int
    """The number of the first snapshot that contains the block."""
    gone: int
    """The number of the first snapshot after the block was freed."""


class HeapsOverTime:
    """Some blocks as ``count`` snapshots contain them. ``rate`` is the mean number of bytes between samples."""

    def __init__(self, blocks: list[Block], count: int, functions: int, rate: int = 1) -> None:
        self.blocks, self.count, self.rate = blocks, count, rate
        self.frames = [
            python_frame(f"serve_{at}", 10 + at, f"/srv/app/shop/part_{at % 3}.py") for at in range(functions)
        ]
        self.locations = [Location((frame,), -1, 0) for frame in (MAIN, *self.frames)]

    def ms(self, snapshot: int) -> int:
        return BOOTED_MS + snapshot * EVERY_MS

    def live(self, snapshot: int, span: Optional[tuple[int, int]] = None) -> list[Block]:
        """Return the live blocks of a snapshot. With ``span`` (first, end), return only blocks that first appeared in
        one of the snapshots first to end - 1.
        """
        first, end = span or (0, self.count)
        return [one for one in self.blocks if one.born <= snapshot < one.gone and first <= one.born < end]

    def bytes(self, blocks: list[Block]) -> int:
        """Return the bytes that the blocks represent."""
        return round(sum(weight(block.size, self.rate).bytes for block in blocks))

    def by_function(self, blocks: list[Block]) -> dict[str, int]:
        functions = {block.function for block in blocks}
        return {
            self.frames[at].function: self.bytes([block for block in blocks if block.function == at])
            for at in functions
        }

    def rss(self, snapshot: int) -> int:
        return self.bytes(self.live(snapshot)) * 3 // 2 + (20 << 20)

    def stacks(self, snapshot: int) -> dict[int, tuple[Sample, ...]]:
        """Return a snapshot's live rows by stack id, as the files of a series store them."""
        found: dict[int, list[Sample]] = {}
        for sample in self.profile(snapshot).samples:
            found.setdefault(sample.stack[0] * 7, []).append(sample)
        return {number: tuple(rows) for number, rows in found.items()}

    def profile(self, snapshot: int, span: Optional[tuple[int, int]] = None) -> Profile:
        """Return the plain profile of a snapshot, still with the label "allocated_by"."""
        groups: dict[tuple[int, int, str, int], int] = {}
        for block in self.live(snapshot, span):
            key = block.function, block.size, block.thread, block.born
            groups[key] = groups.get(key, 0) + 1
        samples = []
        for (function, size, thread, born), count in groups.items():
            one = weight(size, self.rate)
            values = round(count * one.objects), round(count * one.bytes)
            labels = (
                Label("bytes", None, size, "bytes"),
                Label("thread", thread),
                Label("age", None, 0, "seconds"),
                Label("allocated_by", None, self.ms(born), "milliseconds"),
            )
            samples.append(Sample((function + 1, 0), values + values, labels))
        freed = [block for block in self.blocks if block.gone <= snapshot]
        for function in sorted({block.function for block in freed}):
            size = self.bytes([block for block in freed if block.function == function])
            samples.append(Sample((function + 1, 0), (1, size, 0, 0)))
        comments = ("script: server.py", f"rss: {self.rss(snapshot)}", f"pss: {self.rss(snapshot) - 4096}")
        time_ns = START_NS + snapshot * EVERY_MS * 10**6
        return Profile(
            HEAP_TYPES,
            self.locations,
            samples,
            default_type="inuse_space",
            period_type=ValueType("space", "bytes"),
            period=self.rate,
            time_ns=time_ns,
            comments=comments,
        )

    @property
    def last(self) -> Profile:
        return self.profile(self.count - 1)

    def moments(self) -> list[Moment]:
        return [moment_of(self.profile(at), self.ms(at)) for at in range(self.count)]


def random_heaps(seed: int, count: int = 20, functions: int = 12, rate: int = 1, blocks: int = 600) -> HeapsOverTime:
    """Return heaps in which the first function leaks and the others allocate and free."""
    chance = random.Random(seed)
    made = []
    for _ in range(blocks):
        function = min(int(chance.expovariate(0.4)), functions - 1)
        born = chance.randrange(count)
        gone = count if function == 0 or chance.random() < 0.4 else chance.randrange(born, count) + 1
        size = chance.choice([64, 4096, 1 << 20, 3 << 20])
        made.append(Block(function, size, f"worker {function % 2}", born, gone))
    return HeapsOverTime(made, count, functions, rate)
