"""A series of snapshots of a simulated process, written to a folder in the format of docs/data-model.md.

The process's contents at each snapshot are kept in plain form, so that tests can compute what the snapshot must
contain.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Optional

from spprof.analysis.ages import BANDS
from spprof.analysis.sample_weights import weight
from spprof.pprof.file import written
from spprof.pprof.profile import HEAP_TYPES, MAPPED_TYPES, Label, Location, Moments, Profile, Sample, ValueType
from spprof.results import Frame

RATE = 1 << 19
BEGIN_MS = 5_000_000
BEGIN_NS = 1_793_000_000 * 10**9
EVERY_MS = 10_000
MARK = "0123456789abcdef"
TYPES = (*HEAP_TYPES, *MAPPED_TYPES)

Frames = tuple[Frame, ...]
Row = tuple[Frames, tuple[Label, ...]]
"""The key that distinguishes two rows of a profile."""
Seen = dict[Row, tuple[tuple[int, ...], Optional[Moments]]]


def python_frame(function: str, line: int, file: str = "/app/main.py") -> Frame:
    return Frame(function, file, line, 0, True)


class Block(NamedTuple):
    """A sampled block."""

    size: int
    allocated_by: int
    """Time in ms, as in the files."""
    rate: int = RATE
    thread: str = "1"


class Range(NamedTuple):
    """A mapping."""

    frames: Frames
    size: int
    allocated_by: int


class Moment(NamedTuple):
    """What a process holds at one point in time, and what it has allocated so far, by stack id."""

    monotonic_ms: int
    time_ns: int
    period: int
    frames: dict[int, Frames]
    live: dict[int, Counter[Block]]
    allocated: dict[int, tuple[int, int]]
    """Allocated objects and bytes that are no longer live."""
    ranges: tuple[Range, ...]


class Made:
    """A process and its snapshots so far."""

    def __init__(self, folder: Path, stem: str = "spprof-app.4711", mark: str = MARK) -> None:
        self.folder = folder
        self.stem = stem
        self.mark = mark
        self.now = Moment(BEGIN_MS, BEGIN_NS, RATE, {}, {}, {}, ())
        self.moments: list[Moment] = []
        self.paths: dict[int, Path] = {}
        self._next = 1

    def stack(self, *frames: Frame) -> int:
        """Return the id of a new stack."""
        number, self._next = self._next, self._next + 1
        self.now.frames[number] = frames
        self.now.live[number] = Counter()
        self.now.allocated[number] = (0, 0)
        return number

    def allocate(self, stack: int, size: int, count: int = 1, age: int = 0, thread: str = "1") -> Block:
        """Add blocks. For older ones than the first snapshot, ``age`` is the lower end of their age band in seconds."""
        first = self.moments[0].monotonic_ms if self.moments else self.now.monotonic_ms
        block = Block(size, self.now.monotonic_ms if self.moments else first - 1000 * age, self.now.period, thread)
        self.now.live[stack][block] += count
        return block

    def free(self, stack: int, block: Block, count: int = 1) -> None:
        self.now.live[stack][block] -= count
        objects, space = values_of(block, count)
        before = self.now.allocated[stack]
        self.now.allocated[stack] = before[0] + objects, before[1] + space
        self.now.live[stack] += Counter()  # drops zero counts

    def forget(self, stack: int) -> None:
        """Remove the stack, which has no live blocks, from the table."""
        assert not self.now.live[stack]
        for known in (self.now.frames, self.now.live, self.now.allocated):
            del known[stack]

    def set_now(self, **changes: object) -> None:
        self.now = self.now._replace(**changes)  # type: ignore[arg-type]

    def take(self) -> int:
        """Take a snapshot, advance the clock, and return the snapshot's number."""
        now = self.now
        live = {number: Counter(blocks) for number, blocks in now.live.items()}
        self.moments.append(now._replace(frames=dict(now.frames), live=live, allocated=dict(now.allocated)))
        self.set_now(monotonic_ms=now.monotonic_ms + EVERY_MS, time_ns=now.time_ns + EVERY_MS * 10**6)
        return len(self.moments) - 1

    def write(self, numbers: Iterable[int] | None = None, spacing: int = 1) -> Path:
        """Write the files of these snapshots (default: all) as a writer with this spacing would leave them."""
        self.folder.mkdir(exist_ok=True)
        for number in range(len(self.moments)) if numbers is None else numbers:
            self.write_one(number, reference_of(number, spacing))
        return self.folder

    def write_one(self, number: int, reference: int, name: str = "") -> Path:
        """Write one file."""
        name = name or f"{self.stem}.{number:06}.{'pb' if reference < 0 else 'changes'}.gz"
        self.paths[number] = path = self.folder / name
        path.write_bytes(b"".join(written(self.file(number, reference))))
        return path

    def file(self, number: int, reference: int) -> Profile:
        """Return the contents of a snapshot's file."""
        now = self.moments[number]
        rows = stacks_of(now)
        gone: list[int] = []
        if reference >= 0:
            before = self.moments[reference]
            gone = [stack for stack in stacks_of(before) if stack not in rows]
            rows = {stack: some for stack, some in rows.items() if _has_changed(stack, before, now)}
        told = [row for some in rows.values() for row in some] + mapped_rows(now)
        random.Random(number).shuffle(told)
        return profile_of(now, told, (
            "spprof: 0.9", "python: 3.11", f"series: {self.mark} {number} {reference}",
            f"monotonic_ms: {now.monotonic_ms}", f"rss: {number + 1}",
            *(f"gone: {' '.join(map(str, gone[at : at + 2]))}" for at in range(0, len(gone), 2)),
        ))  # fmt: skip

    def plain(self, number: int) -> Seen:
        """Return the contents of a plain profile of that snapshot."""
        now = self.moments[number]
        found: dict[Row, tuple[int, ...]] = {}
        for frames, values, labels in [*(row for some in stacks_of(now).values() for row in some), *mapped_rows(now)]:
            kept = []
            for label in labels:
                if label.key == "allocated_by":
                    age = (now.monotonic_ms - label.number) / 1000
                    kept.append(Label("age", None, max(band for band in BANDS if band <= max(age, 0)), "seconds"))
                elif label.key != "stack":
                    kept.append(label)
            key = frames, tuple(kept)
            found[key] = tuple(map(sum, zip(found.get(key, (0,) * len(values)), values)))
        return {key: (values, None) for key, values in found.items()}


_Told = tuple[Frames, tuple[int, ...], tuple[Label, ...]]


def values_of(block: Block, count: int) -> tuple[int, int]:
    """Return the objects and bytes that ``count`` samples of this block represent."""
    one = weight(block.size, block.rate)
    return round(count * one.objects), round(count * one.bytes)


def _has_changed(stack: int, before: Moment, now: Moment) -> bool:
    """Return True if the stack's values differ. A change in the period alone does not count: writers ignore it."""
    was = before.live.get(stack), before.allocated.get(stack)
    return was != (now.live[stack], now.allocated[stack])


def stacks_of(now: Moment) -> dict[int, list[_Told]]:
    """Return rows by stack, omitting stacks that never held anything."""
    found: dict[int, list[_Told]] = {}
    for number, frames in now.frames.items():
        mark = Label("stack", None, number)
        rows: list[_Told] = []
        for block, count in now.live[number].items():
            values = values_of(block, count)
            labels = [Label("bytes", None, block.size, "bytes"), Label("thread", block.thread)]
            if block.rate != now.period:
                labels.append(Label("rate", None, block.rate, "bytes"))
            labels += [Label("allocated_by", None, block.allocated_by, "milliseconds"), mark]
            rows.append((frames, (*values, *values, 0, 0), tuple(labels)))
        if any(now.allocated[number]):
            rows.append((frames, (*now.allocated[number], 0, 0, 0, 0), (mark,)))
        if rows:
            found[number] = sorted(rows, key=repr)
    return found


def mapped_rows(now: Moment) -> list[_Told]:
    return [
        (
            one.frames,
            (0, 0, 0, 0, 1, one.size),
            (
                Label("mapping", "anonymous"),
                Label("bytes", None, one.size, "bytes"),
                Label("rate", None, 1, "bytes"),
                Label("allocated_by", None, one.allocated_by, "milliseconds"),
            ),
        )
        for one in now.ranges
    ]


def profile_of(now: Moment, rows: list[_Told], comments: tuple[str, ...]) -> Profile:
    """Return a profile with its own numbering of locations."""
    locations: dict[Frame, int] = {}
    samples = [
        Sample(tuple(locations.setdefault(frame, len(locations)) for frame in frames), values, labels)
        for frames, values, labels in rows
    ]
    return Profile(
        sample_types=TYPES,
        locations=[Location((frame,), -1, 0) for frame in locations],
        samples=samples,
        default_type="inuse_space",
        period_type=ValueType("space", "bytes"),
        period=now.period,
        time_ns=now.time_ns,
        comments=comments,
    )


def reference_of(number: int, spacing: int) -> int:
    """Return the number of the snapshot that this one builds on."""
    if number == 0:
        return -1
    return number // spacing * spacing if number % spacing else number - (number & -number)


def kept_of(count: int, spacing: int) -> list[int]:
    """Return the numbers of the snapshots that remain out of ``count`` snapshots."""
    return sorted({*range(0, count, spacing), count - 1})


def seen_in(profile: Profile) -> Seen:
    """Return the contents of a profile. Each row must occur only once."""
    found: Seen = {}
    for sample in profile.samples:
        key = profile.frames(sample.stack), sample.labels
        assert key not in found, "two rows that should be one"
        found[key] = sample.values, sample.moments
    return found


def random_series(seed: int, folder: Path, count: int, stem: str = "spprof-app.4711", mark: str = MARK) -> Made:
    """Write ``count`` snapshots of a process in which stacks appear, change, disappear and reappear."""
    chance = random.Random(seed)
    made = Made(folder, stem, mark)
    calls = [(python_frame(f"f{number}", number), python_frame("main", 9)) for number in range(1, 9)]
    for number in range(count):
        for _ in range(chance.randrange(4)):
            stack = made.stack(*chance.choice(calls))
            made.allocate(stack, chance.choice((100, 4096)), chance.randrange(1, 9), chance.choice((0, 5, 600)))
        for stack, blocks in list(made.now.live.items()):
            if chance.random() < 0.4:
                for block in list(blocks):
                    made.free(stack, block, chance.randint(1, blocks[block]))
            elif chance.random() < 0.3:
                made.allocate(stack, 4096, thread=chance.choice(("1", "2")))
            if not made.now.live[stack] and chance.random() < 0.5:
                made.forget(stack)
        if chance.random() < 0.2:
            made.set_now(period=chance.choice((RATE, 2 * RATE)))
        if chance.random() < 0.5:
            some = Range(chance.choice(calls), 1 << 20, made.now.monotonic_ms)
            made.set_now(ranges=(*made.now.ranges, some)[-3:])
        assert made.take() == number
    return made
