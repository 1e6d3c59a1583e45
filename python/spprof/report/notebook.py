"""The report in a notebook: an iframe that holds the whole file and may only run its script.

``sandbox`` gives it a separate origin: it cannot access the notebook, its cookies or its server, and the notebook's
styles do not affect it.
"""

from __future__ import annotations

from spprof.report.build import report_of
from spprof.report.leading import escaped
from spprof.report.page import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Profile

_HEIGHT_PIXELS = 640


def iframe(profile: Profile) -> str:
    """Return the HTML for a notebook's cell."""
    report = report_of(profile)
    document = escaped(b"".join(written(report)).decode("utf-8"))
    return (
        f'<iframe title="{escaped(report.title)}" sandbox="allow-scripts" width="100%" height="{_HEIGHT_PIXELS}" '
        f'style="border: 1px solid #8886; border-radius: 6px" srcdoc="{document}"></iframe>'
    )
