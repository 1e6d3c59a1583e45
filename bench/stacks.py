"""The heap for measuring file formats: many unique stacks that form a tree, like those of a large program.

main ─ … 20 ─┬─ f12:10 ─┬─ f7:17 ─ … 40 frames    each branches off an earlier one in its second half
             │          └─ f99:10 ─ …
             └─ f3:17 ─ …                         sizes: log-normal around 400 bytes
"""

from __future__ import annotations

import random
import struct

from spprof import _engine
from spprof.analysis.sample_weights import weight
from spprof.heap.snapshot import HeapSnapshot
from spprof.results import Frame

STACKS = 50_000
DEPTH = 40
FUNCTIONS = 4_000
FILES = 400
CALLS = 2
RATE = 512 * 1024


def tree_of_stacks(seed: int = 1, stacks: int = STACKS, depth: int = DEPTH) -> list[tuple[Frame, ...]]:
    """Return unique stacks, leaf first, which share their callers as objects."""
    chance = random.Random(seed)
    functions = [
        (f"Module{number % 61}.function_{number}", f"/srv/application/package_{number % 20}/module_{number % FILES}.py")
        for number in range(FUNCTIONS)
    ]
    frames = [[Frame(*function, 10 + 7 * call, 0, True) for call in range(CALLS)] for function in functions]
    root_first: list[tuple[Frame, ...]] = []
    known: set[tuple[Frame, ...]] = set()
    while len(root_first) < stacks:
        stack = list(chance.choice(root_first)[: chance.randrange(depth // 2, depth)] if root_first else ())
        while len(stack) < depth:
            stack.append(chance.choice(frames[chance.randrange(FUNCTIONS)]))
        if tuple(stack) not in known:
            known.add(tuple(stack))
            root_first.append(tuple(stack))
    return [stack[::-1] for stack in root_first]


def snapshot_of(stacks: list[tuple[Frame, ...]], seed: int = 1, rate: int = RATE) -> HeapSnapshot:
    """Return a snapshot with one live sample for each stack and, at every third stack, another sample that has been
    freed.
    """
    chance = random.Random(seed)
    packed, sites = bytearray(), []
    for stack_id, _ in enumerate(stacks, 1):
        size = max(1, int(chance.lognormvariate(6, 2)))
        packed += struct.pack(_engine.SAMPLE_FORMAT, 16 * stack_id, size, stack_id, stack_id, rate, 7, stack_id)
        sites.append(_site(stack_id, size, 1 + (stack_id % 3 == 0), rate))
    return HeapSnapshot(
        live_samples=len(stacks),
        total_samples=len(stacks) + len(stacks) // 3,
        sampling_rate_bytes=rate,
        timestamp_ns=1_700_000_000_000_000_000,
        _highest_bytes=0,
        _packed=bytes(packed),
        _sites=sites,
        _wall_minus_monotonic_ns=0,
        _frames_of=lambda stack_id: stacks[stack_id - 1],
        _learn=lambda stack_ids: None,
    )


def _site(stack_id: int, size: int, count: int, rate: int) -> _engine.Site:
    """Return the sums of a stack at which ``count`` blocks were sampled, one of which is live."""
    one = weight(size, rate).sums
    live = (1, size, one.fixed, one.fixed_objects, one.variance, one.skewness, 0.0, 0.0)
    every = (count, count * one.fixed, count * one.fixed_objects, count * one.variance, count * one.skewness)
    return (stack_id, *live, *every)  # type: ignore[return-value]
