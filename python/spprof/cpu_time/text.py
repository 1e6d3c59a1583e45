"""A CPU profile as text, for people: the total, the lines that used the most, and what must be known to judge them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.analysis.by_site import Tally, ranked
from spprof.text import amount, percent, site_text, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.analysis.by_site import Row
    from spprof.cpu_time.profile import Profile

_ROWS = 10
_NS = "nanoseconds"
_AS_ASKED = 0.25
"""A mean weight that differs less from the interval is not worth a word."""


def render(profile: Profile) -> str:
    """The table that ``print(profile)`` shows."""
    recorded = profile.recorded()
    rows = ranked(Tally(recorded, recorded.time_index), "own")
    lines = [headline(profile)]
    if rows:
        lines.append(f"{'own':>10}  {'':>7}  {'total':>10}  {'':>7}  site")
        lines += [_row(row, profile.total_ns) for row in rows[:_ROWS]]
    rest = rows[_ROWS:]
    if rest:
        more = sum(own.value for _, own, _ in rest)
        lines.append(f"{amount(more, _NS):>10}  in {len(rest)} more {'site' if len(rest) == 1 else 'sites'}")
    return "\n".join([*lines, *caveats(profile)])


def headline(profile: Profile) -> str:
    """The whole in one line."""
    threads = sum(thread.samples > 0 for thread in profile.threads)
    what = "CPU" if profile.mode == "cpu" else "wall"
    clock = amount(profile._end_ns - profile._start_ns, _NS)
    return (
        f"{what}: {amount(profile.total_ns, _NS)} in {clock} by the clock; {profile.sample_count} samples of "
        f"{threads} {'thread' if threads == 1 else 'threads'}, {_how_often(profile)}"
    )


def _how_often(profile: Profile) -> str:
    """The interval; where the kernel made it another one, what it was."""
    asked = f"{profile.interval_ms:g} ms"
    if profile.sample_count == 0:
        return f"one each {asked}"
    mean = profile.sampled_ns / profile.sample_count
    if abs(mean / (profile.interval_ms * 1e6) - 1) <= _AS_ASKED:
        return f"one each {asked}"
    return f"one each {amount(round(mean), _NS)}, where {asked} were asked for"


def caveats(profile: Profile) -> Iterator[str]:
    """What a reader must know who trusts the numbers, one line each; nothing where all is well."""
    if profile.short_threads:
        threads = "1 thread was" if profile.short_threads == 1 else f"{profile.short_threads} threads were"
        yield f"{threads} too short to sample"
    for thread in profile.threads:
        if thread.is_blocked:
            yield (
                f"thread {visible(thread.name)} ({thread.thread_id}) blocks all signals and could not be sampled; "
                f"it used {amount(thread.unsampled_ns, _NS)}"
            )
    if profile.ticks == "thread":
        yield "the system refused timers; a thread took the samples, by the clock"
    lost = profile.dropped_count
    if lost:
        reasons = ", ".join(f"{reason} {count}" for reason, count in profile.dropped.items() if count)
        yield f"{lost} {'sample' if lost == 1 else 'samples'} not taken: {reasons}; their time went to the next ones"


def _row(row: Row, whole: int) -> str:
    key, own, total = row
    return f"{_used(own.value, whole)}  {_used(total, whole)}  {site_text(*key)}"


def _used(value: int, whole: int) -> str:
    return f"{amount(value, _NS):>10}  {percent(value, whole):>5.1f} %"
