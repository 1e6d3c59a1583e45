"""A profile summed up by site: what each place holds itself, and what it holds with all that it calls.

    stack:   leaf ◄──────────────────── root
              │ own: the innermost Python frame (the innermost frame of all where there is none)
              └─ total: every different site of the stack, once

Values of in-use bytes are exact where the samples can be taken apart (``spprof.analysis.sample_weights``) and
have intervals then. Of times it is known how many samples stand behind them, and so how far two runs may differ by
chance.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.sample_weights import Drawing
from spprof.analysis.sites import LiveSite, SiteKey, key_of, outwards, rounded, site_frame
from spprof.pprof.profile import INUSE_SPACE, SAMPLES

if TYPE_CHECKING:
    from spprof.analysis.sample_weights import Drawn
    from spprof.pprof.profile import Profile

_BYTES_ONE = _engine.BYTES_ONE


class Amount(LiveSite):
    """Sums over some samples of a profile, of one sample type."""

    __slots__ = ("has_spread", "is_drawn")

    def __init__(self) -> None:
        super().__init__()
        self.is_drawn = True
        self.has_spread = True

    def add_drawn(self, drawn: Drawn) -> None:
        """Adds blocks whose size and rate are known."""
        count, one = drawn
        self.samples += count
        self.seen_bytes += count * one.size
        self.fixed_bytes += count * one.fixed_bytes
        self.fixed_objects += count * one.fixed_objects
        self.variance += count * one.variance
        self.skewness += count * one.skewness

    def add_value(self, value: int) -> None:
        """Adds a value of which nothing else is known."""
        self.fixed_bytes += value * _BYTES_ONE
        self.is_drawn = self.has_spread = False

    def add_timed(self, value: int, samples: int) -> None:
        """Adds time for which so many samples stand, each of about the same weight; none: it was not sampled but read.

        Another run would have as many samples here as chance has it, with the same mean.
        """
        self.samples += samples
        self.fixed_bytes += value * _BYTES_ONE
        if samples:
            self.variance += value**2 / samples
            self.skewness += value**3 / samples**2
        self.is_drawn = False

    def add_amount(self, other: Amount) -> None:
        """Adds all of ``other``."""
        self.samples += other.samples
        self.seen_bytes += other.seen_bytes
        self.fixed_bytes += other.fixed_bytes
        self.fixed_objects += other.fixed_objects
        self.variance += other.variance
        self.skewness += other.skewness
        self.is_drawn &= other.is_drawn
        self.has_spread &= other.has_spread

    @property
    def value(self) -> int:
        """The estimate, or the sum of plain values, in the unit of the sample type."""
        return rounded(self.fixed_bytes, _BYTES_ONE)

    def interval(self, confidence: float = 0.95) -> tuple[int, int] | None:
        """Where the true value lies; None where blocks and rates are not known."""
        return self.bytes_interval(confidence) if self.is_drawn else None


class Tally:
    """The sums of ``profile`` for one of its sample types."""

    def __init__(self, profile: Profile, index: int) -> None:
        self.profile = profile
        self.index = index
        self.value_type = profile.sample_types[index]
        self.stacks = self._by_stack()

    def _by_stack(self) -> dict[tuple[int, ...], Amount]:
        """Every stack with a value."""
        profile, index = self.profile, self.index
        drawing = Drawing(profile) if profile.is_heap and self.value_type == INUSE_SPACE else None
        counts = profile.sample_types.index(SAMPLES) if index == profile.time_index and profile.has_counts else None
        stacks: dict[tuple[int, ...], Amount] = {}
        for sample in profile.samples:
            value = sample.values[index]
            drawn = drawing.of(sample) if drawing else None
            if not (drawn.blocks if drawn else value):
                continue
            amount = stacks.get(sample.stack)
            if amount is None:
                amount = stacks[sample.stack] = Amount()
            if drawn:
                amount.add_drawn(drawn)
            elif counts is not None:
                amount.add_timed(value, sample.values[counts])
            else:
                amount.add_value(value)
        return stacks

    @cached_property
    def whole(self) -> Amount:
        """All of it."""
        whole = Amount()
        for amount in self.stacks.values():
            whole.add_amount(amount)
        return whole

    def whole_interval(self, confidence: float = 0.95) -> tuple[int, int] | None:
        """Where the whole lies, with room for what was never sampled; None where nothing is known of that."""
        whole, profile = self.whole, self.profile
        if not (whole.is_drawn and profile.is_heap and self.value_type == INUSE_SPACE and profile.period > 0):
            return None
        rate = profile.period if profile.period > 1 else 0
        return outwards(
            estimate.heap_interval(
                whole.fixed_bytes / _BYTES_ONE, whole.variance, whole.skewness, whole.seen_bytes, rate, confidence
            )
        )

    @cached_property
    def own(self) -> dict[SiteKey, Amount]:
        """What each site holds itself."""
        keys = self.keys
        own: dict[SiteKey, Amount] = {}
        for stack, amount in self.stacks.items():
            key = self._site_of(stack, keys)
            site = own.get(key)
            if site is None:
                site = own[key] = Amount()
            site.add_amount(amount)
            self._note_native(site, stack, amount)
        return own

    @cached_property
    def total(self) -> dict[SiteKey, int]:
        """What each site holds with all that it calls."""
        keys = self.keys
        names: list[SiteKey] = []
        number_of: dict[SiteKey, int] = {}
        numbers: list[tuple[int, ...]] = []
        for location in keys:
            for key in location:
                if key not in number_of:
                    number_of[key] = len(names)
                    names.append(key)
            numbers.append(tuple(number_of[key] for key in location))
        sums = [0] * len(names)
        simple = all(len(location) == 1 for location in numbers)
        first = [location[0] for location in numbers]
        for stack, amount in self.stacks.items():
            held = amount.fixed_bytes
            if simple:
                sites = set(map(first.__getitem__, stack))
            else:
                sites = {number for index in stack for number in numbers[index]}
            for number in sites:
                sums[number] += held
        return {names[number]: rounded(fixed, _BYTES_ONE) for number, fixed in enumerate(sums) if fixed}

    @cached_property
    def keys(self) -> list[tuple[SiteKey, ...]]:
        """The sites of each location, leaf first."""
        known: dict[SiteKey, SiteKey] = {}
        rows = []
        for location in self.profile.locations:
            keys = map(key_of, location.frames)
            rows.append(tuple(known.setdefault(key, key) for key in keys))
        return rows

    @cached_property
    def _own_site(self) -> list[SiteKey | None]:
        """For each location the site that a stack belongs to whose innermost Python frame is there."""
        sites: list[SiteKey | None] = []
        for location, keys in zip(self.profile.locations, self.keys):
            sites.append(next((key for key, frame in zip(keys, location.frames) if frame.is_python), None))
        return sites

    def _site_of(self, stack: tuple[int, ...], keys: list[tuple[SiteKey, ...]]) -> SiteKey:
        for index in stack:
            key = self._own_site[index]
            if key is not None:
                return key
        return keys[stack[0]][0] if stack else _NOWHERE

    def _note_native(self, site: Amount, stack: tuple[int, ...], amount: Amount) -> None:
        """Remembers what allocated beneath a Python line."""
        if not stack or self._own_site[stack[0]] is not None:
            return
        frames = self.profile.frames(stack)
        if site_frame(frames).is_python:
            name = frames[0].function
            site.natives[name] = site.natives.get(name, 0) + amount.fixed_bytes


_NOWHERE = SiteKey("<no stack>", "", 0)
"""Stands for samples without a stack, which other tools may write."""


Row = tuple[SiteKey, Amount, int]
"""A site, what it holds itself, and what it holds with all that it calls."""


def ranked(tally: Tally, by: str) -> list[Row]:
    """Every site, the largest first: by "own" (those that hold something themselves) or by "total"."""
    nothing = Amount()
    found = [(key, tally.own.get(key, nothing), total) for key, total in tally.total.items()]
    found += [(key, own, own.value) for key, own in tally.own.items() if key not in tally.total]
    if by == "own":
        return sorted((row for row in found if row[1] is not nothing), key=lambda row: (-row[1].value, -row[2], row[0]))
    return sorted(found, key=lambda row: (-row[2], -row[1].value, row[0]))
