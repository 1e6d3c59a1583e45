"""A snapshot as text, for people: the total with its interval, and the top sites."""

from __future__ import annotations

from spprof.analysis.site_table import OBJECTS, SAMPLES, SiteTable, interval, own, rest_line
from spprof.text import amount, human_bytes, interval_text, sampling_text, site_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.heap.samples import HeapSamples

_ROWS = 10
_TABLE = SiteTable((own("bytes", "estimate"), interval("bytes"), OBJECTS, SAMPLES))


def render(samples: HeapSamples) -> str:
    """The table that ``print(snapshot)`` shows."""
    lines = [headline(samples)]
    rows, rest = samples.ranked_sites[:_ROWS], samples.ranked_sites[_ROWS:]
    if rows:
        lines.append(_TABLE.headings)
        lines += [_TABLE.numbers(site) + site_text(*key) for key, site in rows]
    if rest:
        held = samples.estimated_heap_bytes - sum(site.value for _, site in rows)
        lines.append(rest_line(held, len(rest), "bytes"))
    return "\n".join([*lines, *samples.notes.sentences()])


def headline(samples: HeapSamples) -> str:
    """The whole in one line."""
    return (
        f"heap: {human_bytes(samples.estimated_heap_bytes)} ({interval_text(samples.heap_bytes_interval())}, 95 %) "
        f"in {amount(samples.estimated_heap_objects, 'count')} objects, peak {human_bytes(samples.peak_heap_bytes)}; "
        f"{amount(samples.live_samples, 'count')} live samples, {sampling_text(samples.sampling_rate_bytes)}"
    )
