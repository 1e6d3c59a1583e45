"""A snapshot as text, for people: the total with its interval, and the top sites.

Units are decimal: 1 kB = 1000 bytes, 1 MB = 1000 kB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.text import human_bytes, site_text

if TYPE_CHECKING:
    from spprof.heap.snapshot import HeapSnapshot
    from spprof.results import TopAllocator

_ROWS = 10


def render(snapshot: HeapSnapshot) -> str:
    """The table that ``print(snapshot)`` shows."""
    lines = [_total(snapshot)]
    rows = snapshot.top_allocators(_ROWS)
    if rows:
        lines.append(f"{'estimate':>10}  {'95 % interval':>21}  {'objects':>10}  {'samples':>7}  site")
        lines.extend(_row(row) for row in rows)
    rest = len(snapshot.live_sites) - len(rows)
    if rest:
        held = snapshot.estimated_heap_bytes - sum(row["estimated_bytes"] for row in rows)
        lines.append(f"{human_bytes(held):>10}  in {rest} more {'site' if rest == 1 else 'sites'}")
    return "\n".join(lines)


def _total(snapshot: HeapSnapshot) -> str:
    rate = snapshot.sampling_rate_bytes
    how = f"one each {rate // 1024} KiB" if rate else "every allocation"
    return (
        f"heap: {human_bytes(snapshot.estimated_heap_bytes)} ({_range(*snapshot.heap_bytes_interval())}, 95 %) "
        f"in {snapshot.estimated_heap_objects} objects, peak {human_bytes(snapshot.peak_heap_bytes)}; "
        f"{snapshot.live_samples} live samples, {how}"
    )


def _row(row: TopAllocator) -> str:
    site = site_text(row["function"], row["file"], row["line"])
    return (
        f"{human_bytes(row['estimated_bytes']):>10}  {_range(row['low_bytes'], row['high_bytes']):>21}  "
        f"{row['estimated_objects']:>10}  {row['sample_count']:>7}  {site}"
    )


def _range(low: int, high: int) -> str:
    return f"{human_bytes(low)} - {human_bytes(high)}"
