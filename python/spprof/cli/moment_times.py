"""The value of ``--at``: a point in time among the snapshots in a folder.

12:30  12:30:05                       time of day, on the day of the last snapshot or the day before
2026-11-30T12:30  2026-11-30T12:30:05 date and time
+10m  -10m                            after the first snapshot, before the last one; clock changes have no effect
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from spprof.analysis.ages import seconds_of
from spprof.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spprof.pprof.series import Entry, Series

FORMS = "12:30, 12:30:05, 2026-11-30T12:30, +10m (after the first), -10m (before the last)"

_SECOND, _MILLISECOND = 10**9, 10**6
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?", re.ASCII)

if TYPE_CHECKING:
    Choice = Callable[[Series], Callable[[Entry], bool]]
    """For a series, returns a function that returns whether a snapshot is not later than the requested time."""


def choice_of(text: str, series: Sequence[Series]) -> Choice:
    """Return the choice that ``text`` makes in the ``series``, each of which has snapshots. ValueError: the text is not
    a valid time.
    """
    if text[:1] in ("+", "-"):
        return _by_distance(text[0], seconds_of(text[1:]), series)
    until = _time_of(text, series)
    return lambda _: lambda entry: entry.time_ns <= until


def first_and_last(series: Sequence[Series]) -> str:
    """Describe when the first and the last snapshot were taken."""
    times = [entry.time_ns for one in series for entry in one.entries]
    return f"the first snapshot is from {told_time(min(times))}, the last from {told_time(max(times))}"


def told_jumps(series: Sequence[Series]) -> list[str]:
    """Describe each time the clock was set back between two snapshots."""
    told = []
    for one in series:
        for before, after in zip(one.entries, one.entries[1:]):
            if after.time_ns < before.time_ns:
                times = f"from {told_time(before.time_ns)} to {told_time(after.time_ns)}"
                told.append(f"the clock was set back {times} before snapshot {after.number} of {visible(one.stem)}")
    return told


def told_time(time_ns: int) -> str:
    """Format a wall-clock time in the local time zone."""
    try:
        return str(datetime.fromtimestamp(time_ns // _SECOND))
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns since 1970"


def _by_distance(sign: str, seconds: float, series: Sequence[Series]) -> Choice:
    """Choose by elapsed time: the wall clock at each series' first snapshot plus the monotonic time since then."""
    begins = {one.mark: one.entries[0] for one in series}

    def when(one: Series, entry: Entry) -> int:
        begin = begins[one.mark]
        return begin.time_ns + (entry.monotonic_ms - begin.monotonic_ms) * _MILLISECOND

    times = [when(one, entry) for one in series for entry in one.entries]
    distance = round(seconds * _SECOND)
    until = min(times) + distance if sign == "+" else max(times) - distance
    return lambda one: lambda entry: when(one, entry) <= until


def _time_of(text: str, series: Sequence[Series]) -> int:
    """Return the end of the second that ``text`` names, in ns, so that snapshots taken in that second are included."""
    if _DATE.fullmatch(text):
        return _end_of(datetime.fromisoformat(text))
    match = _CLOCK.fullmatch(text)
    if not match:
        raise ValueError(text)
    hour, minute, second = (int(part or 0) for part in match.groups())
    times = [entry.time_ns for one in series for entry in one.entries]
    last = datetime.fromtimestamp(max(times) // _SECOND).replace(hour=hour, minute=minute, second=second)
    before = last - timedelta(days=1)
    if _end_of(last) - _SECOND >= max(times) and _end_of(before) >= min(times):
        last = before
    return _end_of(last)


def _end_of(local: datetime) -> int:
    return (int(local.timestamp()) + 1) * _SECOND - 1
