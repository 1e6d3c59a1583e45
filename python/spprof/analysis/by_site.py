"""A profile, totalled by site: what each site holds itself, and what it holds including everything that it calls.

    stack:   leaf ◄──────────────────── root
              │ own: the innermost Python frame (the innermost frame of all if there is none)
              └─ total: every different site of the stack, once

Values of live bytes are exact if the samples can be split into blocks (``spprof.analysis.sample_weights``). They then
have intervals, like values at the peak. Times come with the number of samples behind them, which shows how far two runs
may differ by chance.
"""

from __future__ import annotations

from spprof import _engine
from spprof.analysis.ages import age_of
from spprof.analysis.sample_weights import adder, has_interval
from spprof.analysis.sites import Site, SiteKey, Sums, key_of, native_beneath, note_choice, rounded, your_line
from spprof.pprof.profile import ALLOC_SPACE, INUSE_SPACE, MAPPED_SPACE, PEAK_SPACE
from spprof.pprof.shortages import shortages_of, unseen_rate
from spprof.records import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Profile, ValueType

_BYTES_ONE = _engine.BYTES_ONE


class Tally:
    """The sums of ``profile`` for one of its sample types."""

    def __init__(self, profile: Profile, index: int) -> None:
        self.profile = profile
        self.index = index
        self.value_type = profile.sample_types[index]
        self.stacks = self._by_stack()

    def _by_stack(self) -> dict[tuple[int, ...], Sums]:
        """Return the sums of every stack that has a value."""
        add = adder(self.profile, self.index)
        stacks: dict[tuple[int, ...], Sums] = {}
        for sample in self.profile.samples:
            amount = stacks.get(sample.stack)
            if amount is None:
                amount = stacks[sample.stack] = Sums()
            add(sample, amount)
        held = {stack: amount for stack, amount in stacks.items() if not amount.is_nothing}
        if self.value_type == PEAK_SPACE and ALLOC_SPACE in self.profile.sample_types:
            self._note_choice(held, self.profile.sample_types.index(ALLOC_SPACE))
        return held

    def _note_choice(self, held: dict[tuple[int, ...], Sums], allocated_at: int) -> None:
        keys = self.keys
        site_of: dict[tuple[int, ...], SiteKey] = {}
        allocated: dict[SiteKey, int] = {}
        for sample in self.profile.samples:
            key = site_of.get(sample.stack)
            if key is None:
                key = site_of[sample.stack] = self._site_of(sample.stack, keys)
            allocated[key] = allocated.get(key, 0) + sample.values[allocated_at]
        parts: dict[SiteKey, list[Sums]] = {}
        for stack, sums in held.items():
            parts.setdefault(site_of[stack], []).append(sums)
        note_choice([(sums, allocated[key] * _BYTES_ONE) for key, sums in parts.items()])

    @cached_property
    def whole(self) -> Sums:
        """The sums of the whole profile."""
        whole = Sums()
        for amount in self.stacks.values():
            whole.add(amount)
        return whole

    def whole_interval(self, confidence: float = 0.95) -> tuple[int, int] | None:
        """Return the interval of the whole, which allows for memory that was never sampled; None if it is unknown how
        the values were sampled.
        """
        return whole_interval(self.profile, self.value_type, self.whole, confidence)

    @cached_property
    def own(self) -> dict[SiteKey, Site]:
        """Each site's own values."""
        keys = self.keys
        own: dict[SiteKey, Site] = {}
        for stack, amount in self.stacks.items():
            key = self._site_of(stack, keys)
            site = own.get(key)
            if site is None:
                site = own[key] = Site()
            frames = self.profile.frames(stack)
            site.add_stack(native_beneath(frames), your_line(frames), amount)
        if self.value_type in (INUSE_SPACE, MAPPED_SPACE):
            self._add_ages(own)
        return own

    def _add_ages(self, own: dict[SiteKey, Site]) -> None:
        keys, index = self.keys, self.index
        for sample in self.profile.samples:
            age = age_of(sample) if sample.values[index] else None
            if age is not None:
                own[self._site_of(sample.stack, keys)].ages.add(age, sample.values[index])

    @cached_property
    def total(self) -> dict[SiteKey, int]:
        """Each site's values, including everything that the site calls."""
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
            held = amount.fixed
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
        """For each location, the site of a stack whose innermost Python frame is there."""
        sites: list[SiteKey | None] = []
        for location, keys in zip(self.profile.locations, self.keys):
            sites.append(next((key for key, frame in zip(keys, location.frames) if frame.is_python), None))
        return sites

    def _site_of(self, stack: tuple[int, ...], keys: list[tuple[SiteKey, ...]]) -> SiteKey:
        for index in stack:
            key = self._own_site[index]
            if key is not None:
                return key
        return keys[stack[0]][0] if stack else NOWHERE


NOWHERE = SiteKey("<no stack>", "", 0)
"""Stands for samples without a stack, which other tools may write."""


def whole_interval(
    profile: Profile, value_type: ValueType, whole: Sums, confidence: float = 0.95
) -> tuple[int, int] | None:
    """Return the interval of everything of one type in ``profile``, whose sums are ``whole``. See
    ``Tally.whole_interval``.
    """
    if not (whole.is_drawn and has_interval(profile, value_type) and profile.period > 0):
        return None
    return whole.heap_interval(unseen_rate(profile), shortages_of(profile).lost_bytes, confidence)


Row = tuple[SiteKey, Site, int]
"""A site, with what it holds itself and what it holds including everything that it calls."""


def ranked(tally: Tally, by: str) -> list[Row]:
    """Return every site, largest first, by "own" (only sites that hold something themselves) or by "total"."""
    nothing = Site()
    found = [(key, tally.own.get(key, nothing), total) for key, total in tally.total.items()]
    found += [(key, own, own.value) for key, own in tally.own.items() if key not in tally.total]
    if by == "own":
        return sorted((row for row in found if row[1] is not nothing), key=lambda row: (-row[1].value, -row[2], row[0]))
    return sorted(found, key=lambda row: (-row[2], -row[1].value, row[0]))
