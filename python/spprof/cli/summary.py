"""What ``spprof run`` says at the end, on stderr: how much is alive, where, how sure that is, and what to type next."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from spprof.cli.terminal import say, site_text
from spprof.sites import SiteKey
from spprof.text import binary_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.snapshot import HeapSnapshot

_TOP = 3
_FEW = 100
"""Samples below which an interval is wider than a fifth of the estimate on either side."""


def show(taken: HeapSnapshot, path: str, rate_kb: int) -> None:
    """Prints the summary. Whatever became of stderr, the program's end is not disturbed."""
    for line in _lines(taken, path, rate_kb):
        say(line)


def _lines(taken: HeapSnapshot, path: str, rate_kb: int) -> Iterator[str]:
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
        yield f"  {binary_bytes(row['estimated_bytes']):>10}  {between:<25} {site_text(key)}"
    yield from _advice(taken, rate_kb)
    name = shlex.quote(os.path.relpath(path)) if path.startswith(os.getcwd() + os.sep) else shlex.quote(path)
    verb = "table" if path.lower().endswith(".pb.gz") or "." not in os.path.basename(path) else ""
    yield f"wrote {name}" + (f"; look at it: spprof table {name}" if verb else "")


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
