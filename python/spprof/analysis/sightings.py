"""What each site held in each snapshot, in the form that ``analysis.growth`` takes.

live samples by site and time of allocation, bytes ever allocated ─► SiteSeen; the same object if nothing changed
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
        """``per_second``: units per second of the times of allocation."""
        self._per_second = per_second
        self._last: dict[SiteKey, SiteSeen] = {}

    def seen(self, key: SiteKey, live: Mapping[int, Sums], allocated: int) -> SiteSeen:
        """Return what a site held in the next snapshot.

        ``live``: the live sums, keyed by time of allocation. ``allocated``: bytes allocated there so far, in
        1/BYTES_ONE.
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
