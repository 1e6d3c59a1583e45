"""One HTML file that shows the profile in any browser (``spprof.report``)."""

from __future__ import annotations

from spprof.analysis.imports import with_imports_folded
from spprof.report.build import report_of
from spprof.report.page import read_parts, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile


def write(profile: Profile, timeline: Sequence[Chart] | None = None, with_source: bool = True) -> Iterator[bytes]:
    """Return the file in pieces. Deterministic: equal profiles and source files give the same bytes. The format cannot
    express order in time.

    OSError: the page's own files are missing. It is raised before a file is begun.
    """
    read_parts()
    return written(report_of(with_imports_folded(profile), with_source=with_source))
