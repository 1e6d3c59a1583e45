"""One HTML file that shows the profile in any browser (``spprof.report``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.report.build import report_of
from spprof.report.page import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.formats import StackSource


def write(source: StackSource) -> Iterator[bytes]:
    """Yields the file. Deterministic: the same source gives the same bytes."""
    yield from written(report_of(source.recorded()))
