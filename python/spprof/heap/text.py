"""A snapshot or a peak as text: the total with its interval, and the top sites."""

from __future__ import annotations

from spprof.analysis import residency
from spprof.analysis.explanation import IN_PYTHON, explanation
from spprof.analysis.notes import is_notable
from spprof.analysis.paths import paths_of_sites
from spprof.analysis.site_table import OBJECTS, RESIDENT, SAMPLES, SiteTable, interval, own, rest_line, told_site
from spprof.heap import mapped_sites
from spprof.text import amount, human_bytes, interval_text, sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spprof.analysis.explanation import Remedies
    from spprof.heap.estimates import HeapEstimates
    from spprof.heap.samples import HeapSamples
    from spprof.results import ResidentMemory

_ROWS = 10
_TABLE = SiteTable((own("bytes", "estimate"), interval("bytes"), OBJECTS, SAMPLES))
_WITH_RESIDENT = SiteTable((own("bytes", "estimate"), interval("bytes"), RESIDENT, OBJECTS, SAMPLES))


def render(samples: HeapSamples, memory: ResidentMemory | None) -> str:
    """Return the table that ``print(snapshot)`` shows. ``memory``: the process's resident memory, if known."""
    mapped = mapped_lines(samples, _ROWS)
    said = reasons(samples, IN_PYTHON)
    size = residency.lines_of(memory, residency.IN_PYTHON)
    return "\n".join([headline(samples), *_sites(samples), *mapped, *size, *said, *samples.notes.sentences()])


def render_peak(peak: HeapEstimates) -> str:
    """Return the table that ``print(snapshot.peak)`` shows."""
    return "\n".join([peak_headline(peak), *_sites(peak)])


def mapped_lines(samples: HeapSamples, count: int) -> Iterator[str]:
    """Yield lines about the memory that is mapped outside the heap, and the first ``count`` sites that mapped it. Yield
    nothing if it is little.
    """
    if samples.mapped is not None:
        rows = mapped_sites.ranked(samples.mapped)
        yield from mapped_sites.lines(samples.mapped, rows, paths_of_sites(rows), count)


def reasons(samples: HeapSamples, remedies: Remedies) -> Iterable[str]:
    """Yield the reasons why there is little or nothing to show, in terms that fit where they are read."""
    return explanation(
        live=samples.live_samples,
        was_sampled=samples.total_samples > 0,
        has_python=samples.has_python,
        rate=samples.sampling_rate_bytes,
        unseen=samples.heap_bytes_interval()[1],
        remedies=remedies,
    )


def _sites(estimates: HeapEstimates) -> list[str]:
    rows, rest = estimates.ranked_sites[:_ROWS], estimates.ranked_sites[_ROWS:]
    if not rows:
        return []
    paths = paths_of_sites(estimates.ranked_sites)
    table = _WITH_RESIDENT if is_notable(estimates.absent_bytes, estimates.estimated_heap_bytes) else _TABLE
    lines = [table.headings, *(table.numbers(site) + told_site(key, site, paths) for key, site in rows)]
    if rest:
        held = estimates.estimated_heap_bytes - sum(site.value for _, site in rows)
        lines.append(rest_line(held, len(rest), "bytes"))
    return lines


def headline(samples: HeapSamples) -> str:
    """Return the totals in one line."""
    return (
        f"heap: {human_bytes(samples.estimated_heap_bytes)} ({interval_text(samples.heap_bytes_interval())}, 95 %) "
        f"in {amount(samples.estimated_heap_objects, 'count')} objects, peak {human_bytes(samples.peak_heap_bytes)}; "
        f"{amount(samples.live_samples, 'count')} live samples, {sampling_text(samples.sampling_rate_bytes)}"
    )


def peak_headline(peak: HeapEstimates) -> str:
    """Return the peak's totals in one line."""
    return (
        f"at the peak: {human_bytes(peak.estimated_heap_bytes)} ({interval_text(peak.heap_bytes_interval())}, 95 %) "
        f"in {amount(peak.estimated_heap_objects, 'count')} objects; "
        f"{amount(peak.sample_count, 'count')} samples, {sampling_text(peak.sampling_rate_bytes)}"
    )
