"""One HTML file that shows the profile in any browser (``spprof.report``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.profile import Profile
from spprof.recorded import profile_of
from spprof.report.build import report_of
from spprof.report.page import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.snapshot import HeapSnapshot


def write(source: HeapSnapshot | Profile) -> Iterator[bytes]:
    """Yields the file. Deterministic: the same snapshot gives the same bytes."""
    yield from written(report_of(source if isinstance(source, Profile) else profile_of(source)))
