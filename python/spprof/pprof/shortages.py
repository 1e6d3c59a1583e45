"""The effects of tables that were full while a profile was made: counters, as comments of the file.

engine's counters ─► Shortages ─► comments "evicted_stacks: 12", … ─► Shortages ─► sentences (analysis/shortages.py)
"""

from __future__ import annotations

from spprof.records import NamedTuple
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spprof.pprof.profile import Profile

STACKS_EVICTED = "<stacks no longer kept>"
STACKS_FULL = "<stacks table full>"
"""Functions of the frames that stand for stacks without their own record."""

_DROPPED = "dropped_"


class Shortages(NamedTuple):
    """Counters; all are 0 if every table had room."""

    evicted_stacks: int = 0
    """Stacks without live samples that left their table."""
    folded_bytes: int = 0
    """Estimated bytes allocated so far at those stacks, now listed under STACKS_EVICTED."""
    unkept_samples: int = 0
    """Samples of new stacks that found the table full, listed under STACKS_FULL; unkept_live_samples of them are live.
    """
    unkept_live_samples: int = 0
    marked_codes: int = 0
    """Samples whose Python frames found the table of code full; they are listed as <code table full>."""
    thinned_samples: int = 0
    """Live samples that were dropped because their table was full; other samples represent them."""
    thinned_rate: int = 0
    """Minimum of the mean bytes between samples since the table of live samples became full; 0: it was never full."""
    lost_bytes: int = 0
    """Bytes that lost samples stood for: they may be live, and no estimate includes them."""
    unlisted_mappings: int = 0
    """Mappings that found their table full; no number includes them."""
    dropped: tuple[tuple[str, int], ...] = ()
    """The reasons for which samples were dropped, each with the number of samples."""

    def comments(self) -> dict[str, str]:
        """Return the counters that are not 0, as comments of a file."""
        numbers = {name: str(value) for name, value in zip(self._fields, self) if name != "dropped" and value}
        return {**numbers, **{f"{_DROPPED}{reason}": str(count) for reason, count in self.dropped}}


NO_SHORTAGE = Shortages()

_NUMBERS = [name for name in Shortages._fields if name != "dropped"]


def dropped_of(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return the reasons for which samples were dropped, each with its count."""
    return tuple((reason, count) for reason, count in counts.items() if count)


def shortages_of(profile: Profile) -> Shortages:
    """Return the shortages in the comments of a heap profile."""
    found: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for comment in profile.comments if profile.is_heap else ():
        key, _, text = comment.partition(": ")
        number = whole_number(text)
        if number is None or number < 0:
            continue
        if key in _NUMBERS:
            found[key] = number
        elif key.startswith(_DROPPED):
            dropped[key[len(_DROPPED) :]] = number
    return Shortages(**found, dropped=dropped_of(dropped))


def unseen_rate(profile: Profile) -> int:
    """Return the longest sampling interval (mean bytes between samples) at which live blocks of a heap profile may have
    been missed entirely.
    """
    return max(profile.longest_rate, shortages_of(profile).thinned_rate)


def summed(several: Iterable[Shortages]) -> Shortages:
    """Return the shortages of merged profiles: the sum of each counter, and the maximum of the intervals."""
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
    """Return whether a comment is one of ``Shortages.comments``."""
    key = comment.partition(": ")[0]
    return key in _NUMBERS or key.startswith(_DROPPED)
