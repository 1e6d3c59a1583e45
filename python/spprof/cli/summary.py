"""The text that ``spprof run`` prints to stderr at the end: the live memory, the time used, the lines of code
responsible, and the next command.
"""

from __future__ import annotations

import os

from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.explanation import FEW, IN_FILES, NOTABLE
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.paths import paths_of, paths_of_sites
from spprof.analysis.residency import IN_FILES as BY_VERB
from spprof.analysis.residency import lines_of
from spprof.analysis.site_table import SiteTable, interval, own, own_share, told_site
from spprof.cli.arguments import format_of_output, seen_from
from spprof.cli.terminal import say, shell_word
from spprof.on_demand import module
from spprof.text import amount, human_bytes, interval_text, sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spprof.cpu_time import text as cpu_text
    from spprof.cpu_time.profile import Profile
    from spprof.heap import text as heap_text
    from spprof.heap.estimates import HeapEstimates
    from spprof.heap.snapshot import HeapSnapshot
    from spprof.serve.series import Series
else:
    cpu_text, heap_text = module("spprof.cpu_time.text"), module("spprof.heap.text")

_TOP = 3


def show(lines: Iterable[str], *, flush: bool) -> None:
    """Print the lines of a summary. This never disturbs the program's exit, whatever has happened to stderr."""
    for line in lines:
        say(line, flush=flush)


def heap_lines(taken: HeapSnapshot, path: str, started_in: str, rate_kb: int) -> Iterator[str]:
    """Yield what is live in a snapshot written to ``path`` and, if the peak was significantly higher, what was live at
    the peak.

    ``started_in``: the current folder of the shell in which the user will type the next command. The program may have
    changed its own current folder.
    """
    is_peak_shown = (
        taken.peak.estimated_heap_bytes >= NOTABLE * taken.estimated_heap_bytes and taken.peak.sample_count > 0
    )
    if is_peak_shown:
        yield from _peak_lines(taken.peak)
    yield (
        f"live at the end: {human_bytes(taken.estimated_heap_bytes)} ({interval_text(taken.heap_bytes_interval())}, "
        f"95 %), peak {human_bytes(taken.peak_heap_bytes)}; {amount(taken.live_samples, 'count')} of "
        f"{amount(taken.total_samples, 'count')} samples live, {sampling_text(taken.sampling_rate_bytes)}"
    )
    yield from _top_sites(taken)
    yield from heap_text.mapped_lines(taken, _TOP)
    yield from lines_of(taken.resident, BY_VERB)
    yield from taken.notes.sentences()
    if taken.longest_rate_bytes > rate_kb * 1024:
        least = sampling_text(taken.longest_rate_bytes)
        yield f"--budget reduced sampling to as little as {least}; estimates stay unbiased"
    yield from heap_text.reasons(taken, IN_FILES)
    yield _next_command(path, started_in, "--view peak " if is_peak_shown else "")


def series_lines(written: Series, started_in: str) -> Iterator[str]:
    """Yield the next command for the snapshots that were written during the run."""
    folder = shell_word(os.path.join(os.path.dirname(seen_from(started_in, written.stem)), ""))
    gaps = f", {written.unwritten} more could not be written" if written.unwritten else ""
    yield f"{written.written} snapshots were written during the run{gaps}; see what grew with: spprof growth {folder}"


def _peak_lines(peak: HeapEstimates) -> Iterator[str]:
    highest = highest_rss()
    yield heap_text.peak_headline(peak) + (f"; the highest RSS was {human_bytes(highest)}" if highest else "")
    yield from _top_sites(peak)


def _top_sites(estimates: HeapEstimates) -> Iterator[str]:
    table = SiteTable((own("bytes"), interval("bytes")))
    paths = paths_of_sites(estimates.ranked_sites)
    for key, site in estimates.ranked_sites[:_TOP]:
        yield table.numbers(site) + told_site(key, site, paths)


def highest_rss() -> int:
    """Return the process's peak resident set size in bytes; 0 if unknown.

    ``ru_maxrss`` is not used, because it includes memory that the process held before it became another program (exec).
    """
    try:
        with open("/proc/self/status", "rb") as status:
            kilobytes = next((line.split()[1] for line in status if line.startswith(b"VmHWM:")), b"0")
    except OSError:
        return 0
    return int(kilobytes) * 1024


def cpu_lines(taken: Profile, path: str, started_in: str) -> Iterator[str]:
    """Yield the lines that say where the time went, for a profile written to ``path``."""
    yield cpu_text.headline(taken)
    profile = with_imports_folded(taken.to_pprof())
    paths = paths_of(profile)
    table = SiteTable((own("nanoseconds"), own_share(taken.total_ns)))
    for key, sums, _ in ranked(Tally(profile, profile.time_index), "own")[:_TOP]:
        yield table.numbers(sums) + told_site(key, sums, paths)
    yield from cpu_text.caveats(taken)
    if taken.sample_count < FEW and taken.interval_ms > 1:
        yield "with few samples, the shares are uncertain; --cpu 1 takes more samples"
    yield _next_command(path, started_in)


def _next_command(path: str, started_in: str, options: str = "") -> str:
    short = seen_from(started_in, path)
    name = shell_word(f"./{short}" if short.startswith("-") else short)
    return f"wrote {name}" + (
        f"; view it with: spprof table {options}{name}" if format_of_output(path) == "pprof" else ""
    )
