"""A CPU profile as text: the total, the lines that used the most time, and the notes needed to interpret them."""

from __future__ import annotations

from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.paths import paths_of_sites
from spprof.analysis.site_table import SiteTable, own, own_share, rest_line, told_site, total, total_share
from spprof.cpu_time.samples import SHORT
from spprof.pprof.shortages import STACKS_FULL
from spprof.text import amount, sampling_text, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.cpu_time.samples import CpuSamples
    from spprof.pprof.profile import Profile

_ROWS = 10
_WITHOUT_TIMERS = "Darwin"
"""The system on which a thread takes all samples, so that no text mentions it."""
_NS = "nanoseconds"
_UNTOLD = 0.01
"""Threads without a sample are not mentioned if their time is less than this share of the whole."""

AS_ASKED = 0.25
"""The mean weight is not mentioned if it differs from the interval by less than this share."""


def render(samples: CpuSamples, profile: Profile) -> str:
    """Return the table that ``print(profile)`` shows."""
    rows = ranked(Tally(profile, profile.time_index), "own")
    whole = samples.total_ns
    table = SiteTable((own(_NS), own_share(whole), total(_NS), total_share(whole)))
    lines = [headline(samples)]
    if rows:
        lines.append(table.headings)
        paths = paths_of_sites((key, site) for key, site, _ in rows)
        for key, site, with_calls in rows[:_ROWS]:
            lines.append(table.numbers(site, with_calls) + told_site(key, site, paths))
    rest = rows[_ROWS:]
    if rest:
        lines.append(rest_line(sum(sums.value for _, sums, _ in rest), len(rest), _NS))
    return "\n".join([*lines, *caveats(samples)])


def headline(samples: CpuSamples) -> str:
    """Return the totals in one line."""
    threads = sum(thread.samples > 0 for thread in samples.threads)
    what = "CPU" if samples.mode == "cpu" else "wall"
    clock = amount(samples._end_ns - samples._start_ns, _NS)
    return (
        f"{what}: {amount(samples.total_ns, _NS)} in {clock} of wall time; {samples.sample_count} samples of "
        f"{threads} {'thread' if threads == 1 else 'threads'}, {_how_often(samples)}"
    )


def _how_often(samples: CpuSamples) -> str:
    """Format the interval or, if the kernel changed it, the actual one."""
    asked = sampling_text(round(samples.interval_ms * 1e6), _NS)
    if samples.sample_count == 0:
        return asked
    mean = samples.sampled_ns / samples.sample_count
    if abs(mean / (samples.interval_ms * 1e6) - 1) <= AS_ASKED:
        return asked
    return f"{sampling_text(round(mean), _NS)} instead of the {samples.interval_ms:g} ms requested"


def _is_worth_a_word(samples: CpuSamples) -> bool:
    """Return whether the time of threads without a sample matters: samples of others may represent it."""
    untold = sum(part.weight_ns for part in samples.parts() if part.frames == SHORT)
    return samples.mode != "cpu" or untold > _UNTOLD * samples.total_ns


def caveats(samples: CpuSamples) -> Iterator[str]:
    """Yield what a reader must know to interpret the numbers, one line per fact. Yield nothing if all is well."""
    if samples.short_threads and _is_worth_a_word(samples):
        threads = "1 thread was" if samples.short_threads == 1 else f"{samples.short_threads} threads were"
        yield f"{threads} too short to sample"
    for thread in samples.threads:
        if thread.is_blocked:
            yield (
                f"thread {visible(thread.name)} ({thread.thread_id}) blocks all signals and could not be sampled; "
                f"it used {amount(thread.unsampled_ns, _NS)}"
            )
    if samples.ticks == "thread" and not samples.platform.startswith(_WITHOUT_TIMERS):
        yield "the system did not permit timers, so a thread took the samples at wall-clock intervals"
    unkept = sum(part.samples for part in samples.parts() if part.frames[0].function == STACKS_FULL)
    if unkept:
        yield (
            f"the table of stacks was full for {amount(unkept, 'count')} {'sample' if unkept == 1 else 'samples'}, "
            f"listed as {STACKS_FULL}; set SPPROF_STACKS_MAX higher to see these lines"
        )
    lost = samples.dropped_count
    if lost:
        reasons = ", ".join(f"{reason} {count}" for reason, count in samples.dropped.items() if count)
        yield f"{lost} {'sample' if lost == 1 else 'samples'} not taken: {reasons}; the next samples include their time"
