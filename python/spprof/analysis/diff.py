"""The change between two profiles, site by site, and whether chance can explain it.

    OLD ─► each site: estimate, V, S ─┐
                                      ├─► change, its 95 % interval ─► excludes 0: significant
    NEW ─► each site: estimate, V, S ─┘

The two are treated as independent: two runs, or two snapshots with nothing in common. For two snapshots of one process,
blocks that are live in both count in both uncertainties, so the interval is wider than necessary. The process itself
can compute a narrower one (``HeapSnapshot.compare``). docs/sampling.md gives the probability that an unchanged site is
called significant.
"""

from __future__ import annotations

from spprof import _engine
from spprof.analysis import estimate
from spprof.analysis.sites import Sums, outwards
from spprof.pprof.profile import ProfileError
from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.analysis.by_site import Tally
    from spprof.analysis.sites import SiteKey
    from spprof.pprof.profile import Profile, ValueType


class Change(NamedTuple):
    """New minus old, for one site or for the whole."""

    old: int
    new: int
    delta: int
    interval: tuple[int, int] | None
    """The 95 % interval; None if it is unknown how the values were sampled."""

    @property
    def is_significant(self) -> bool | None:
        """True if the interval excludes "no change"; None without an interval."""
        return None if self.interval is None else self.interval[0] > 0 or self.interval[1] < 0


def change(old: Sums, new: Sums) -> Change:
    """Return the change from ``old`` to ``new``."""
    delta = new.value - old.value
    if not (old.has_spread and new.has_spread):
        return Change(old.value, new.value, delta, None)
    exact = (new.fixed - old.fixed) / _engine.BYTES_ONE
    ends = estimate.runs_difference_interval(exact, new.spread, old.spread)
    return Change(old.value, new.value, delta, outwards(ends))


def changes(old: Tally, new: Tally) -> list[tuple[SiteKey, Change]]:
    """Return the change of every site, largest first, then by name. Sites that hold the same are left out."""
    nothing = Sums()
    keys = {**old.own, **new.own}
    found = [(key, change(old.own.get(key, nothing), new.own.get(key, nothing))) for key in keys]
    return sorted((row for row in found if row[1].delta), key=lambda row: (-abs(row[1].delta), row[0]))


def same_type(old: Profile, new: Profile, wanted: ValueType) -> tuple[int, int]:
    """Return the index of the sample type in each profile. ProfileError: one of them lacks it."""
    for which, profile in (("first", old), ("second", new)):
        if wanted not in profile.sample_types:
            raise ProfileError(f"the {which} file has no {wanted.type} in {wanted.unit}; it has {profile.type_names}")
    return old.sample_types.index(wanted), new.sample_types.index(wanted)
