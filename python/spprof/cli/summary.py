"""What ``spprof run`` says at the end, on stderr: what is alive, what used the time, where, and what to type next."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.sites import SiteKey
from spprof.cli.terminal import say
from spprof.cpu_time.text import caveats, headline
from spprof.text import binary_bytes, human_time, percent, site_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spprof.cpu_time.profile import Profile
    from spprof.heap.snapshot import HeapSnapshot

_TOP = 3
_FEW = 100
"""Samples below which an interval is wider than a fifth of the estimate on either side."""


def is_pprof(path: str) -> bool:
    """Whether a file of that name is written as pprof: unless its suffix means another format."""
    from spprof import formats

    return path.lower().endswith(".pb.gz") or not path.lower().endswith(tuple(formats.SUFFIXES))


def show(lines: Iterable[str]) -> None:
    """Prints the lines of a summary. Whatever became of stderr, the program's end is not disturbed."""
    for line in lines:
        say(line)


def heap_lines(taken: HeapSnapshot, path: str, rate_kb: int) -> Iterator[str]:
    """What is alive, of a snapshot that was written to ``path``."""
    low, high = taken.heap_bytes_interval()
    how = f"one each {rate_kb} KiB" if rate_kb else "every allocation"
    yield (
        f"alive at the end: {binary_bytes(taken.estimated_heap_bytes)} "
        f"({binary_bytes(low)} - {binary_bytes(high)}, 95 %), peak {binary_bytes(taken.peak_heap_bytes)}; "
        f"{taken.live_samples} of {taken.total_samples} samples alive, {how}"
    )
    for row in taken.top_allocators(_TOP):
        key = SiteKey(row["function"], row["file"], row["line"])
        between = f"({binary_bytes(row['low_bytes'])} - {binary_bytes(row['high_bytes'])})"
        yield f"  {binary_bytes(row['estimated_bytes']):>10}  {between:<25} {site_text(*key)}"
    yield from _advice(taken, rate_kb)
    yield _next_command(path)


def cpu_lines(taken: Profile, path: str) -> Iterator[str]:
    """What used the time, of a profile that was written to ``path``."""
    yield headline(taken)
    recorded = taken.recorded()
    for key, own, _ in ranked(Tally(recorded, recorded.time_index), "own")[:_TOP]:
        share = percent(own.value, taken.total_ns)
        yield f"  {human_time(own.value):>10}  {share:>5.1f} %  {site_text(*key)}"
    yield from caveats(taken)
    if taken.sample_count < _FEW and taken.interval_ms > 1:
        yield "few samples make shares uncertain; --cpu 1 takes more"
    yield _next_command(path)


def _next_command(path: str) -> str:
    name = shlex.quote(os.path.relpath(path)) if path.startswith(os.getcwd() + os.sep) else shlex.quote(path)
    return f"wrote {name}" + (f"; look at it: spprof table {name}" if is_pprof(path) else "")


def _advice(taken: HeapSnapshot, rate_kb: int) -> Iterator[str]:
    if taken.total_samples == 0:
        yield "nothing was sampled: the program allocated little" + _lower(rate_kb)
    elif taken.live_samples == 0:
        yield (
            "nothing that is alive was sampled: the program has freed nearly all; what it allocated stands in the file "
            "(--sample-type alloc_space)" + _lower(rate_kb)
        )
    elif taken.live_samples < _FEW and rate_kb:
        yield "few samples make wide intervals" + _lower(rate_kb)


def _lower(rate_kb: int) -> str:
    if rate_kb == 0:
        return ""
    lower = rate_kb // 8
    return f"; --rate-kb {lower} sees {'8 times as much' if lower else 'every allocation'}"
