"""What full tables did while a profile was made: counters, as comments of the file.

engine's counters ─► Shortages ─► comments "evicted_stacks: 12", … ─► Shortages ─► sentences (analysis/shortages.py)
"""

from __future__ import annotations

from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spprof.pprof.profile import Profile

STACKS_EVICTED = "<stacks no longer kept>"
STACKS_FULL = "<stacks table full>"
"""Functions of the frames that stand for stacks without a record of their own."""

_DROPPED = "dropped_"


class Shortages(NamedTuple):
    """All 0 where every table had room."""

    evicted_stacks: int = 0
    """Stacks without live samples that have left their table."""
    folded_bytes: int = 0
    """Estimated bytes ever allocated at those, now listed under STACKS_EVICTED."""
    unkept_samples: int = 0
    """Samples of new stacks that found no room, listed under STACKS_FULL; unkept_live_samples of them are live."""
    unkept_live_samples: int = 0
    marked_codes: int = 0
    """Samples whose Python frames found no room in the table of code, and read <code table full>."""
    thinned_samples: int = 0
    """Live samples that were given up where their table was full; others stand for them."""
    thinned_rate: int = 0
    """Mean bytes between samples, at least, since the table of live samples was full; 0: it never was."""
    lost_bytes: int = 0
    """What samples stood for that were lost: they may be live, and are in no estimate."""
    unlisted_mappings: int = 0
    """Mappings that found no room in their table, and are in no number."""
    dropped: tuple[tuple[str, int], ...] = ()
    """Reason and number of the samples that were dropped, where there are any."""

    def comments(self) -> dict[str, str]:
        """Those that are not 0, as comments of a file."""
        numbers = {name: str(value) for name, value in zip(self._fields, self) if name != "dropped" and value}
        return {**numbers, **{f"{_DROPPED}{reason}": str(count) for reason, count in self.dropped}}


NO_SHORTAGE = Shortages()

_NUMBERS = [name for name in Shortages._fields if name != "dropped"]


def dropped_of(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The reasons for which there was a drop."""
    return tuple((reason, count) for reason, count in counts.items() if count)


def shortages_of(profile: Profile) -> Shortages:
    """What the comments of a heap profile tell."""
    found: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for comment in profile.comments if profile.is_heap else ():
        key, colon, text = comment.partition(": ")
        if not colon or not text.isdecimal():
            continue
        if key in _NUMBERS:
            found[key] = int(text)
        elif key.startswith(_DROPPED):
            dropped[key[len(_DROPPED) :]] = int(text)
    return Shortages(**found, dropped=dropped_of(dropped))


def unseen_rate(profile: Profile) -> int:
    """Mean bytes between samples, at most, under which blocks may be live in a heap profile of which none was
    sampled."""
    return max(profile.longest_rate, shortages_of(profile).thinned_rate)


def summed(several: Iterable[Shortages]) -> Shortages:
    """Those of profiles that are merged: numbers add up, the largest interval counts for all."""
    total = dict.fromkeys(_NUMBERS, 0)
    dropped: dict[str, int] = {}
    for one in several:
        for name in _NUMBERS:
            value = getattr(one, name)
            total[name] = max(total[name], value) if name == "thinned_rate" else total[name] + value
        for reason, count in one.dropped:
            dropped[reason] = dropped.get(reason, 0) + count
    return Shortages(**total, dropped=dropped_of(dropped))


def is_shortage(comment: str) -> bool:
    """Whether a comment is one of ``Shortages.comments``."""
    key = comment.partition(": ")[0]
    return key in _NUMBERS or key.startswith(_DROPPED)
