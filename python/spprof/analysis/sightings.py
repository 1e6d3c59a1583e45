"""What each site had in snapshot after snapshot, as ``analysis.growth`` takes it.

live samples by site and birth, bytes ever allocated ─► SiteSeen; of what did not change the same object as before
"""

from __future__ import annotations

from spprof import _engine
from spprof.analysis.growth import Cohort, SiteSeen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from spprof.analysis.sites import SiteKey, Sums


class Sightings:
    """The sites of a series, from snapshot to snapshot."""

    def __init__(self, per_second: int) -> None:
        """``per_second``: in which unit times of birth are."""
        self._per_second = per_second
        self._last: dict[SiteKey, SiteSeen] = {}

    def seen(self, key: SiteKey, live: Mapping[int, Sums], allocated: int) -> SiteSeen:
        """What a site had in the next snapshot.

        ``live``: what is live, by the time of its birth. ``allocated``: bytes ever allocated there, in 1/BYTES_ONE.
        """
        cohorts = tuple(
            Cohort(
                born / self._per_second,
                sums.samples,
                sums.fixed / _engine.BYTES_ONE,
                sums.variance,
                sums.skewness,
            )
            for born, sums in sorted(live.items())
        )
        last = self._last.get(key)
        if last is not None and last.live == cohorts:
            cohorts = last.live
        found = self._last[key] = SiteSeen(cohorts, allocated / _engine.BYTES_ONE)
        return found
