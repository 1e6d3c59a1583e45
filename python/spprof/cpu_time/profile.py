"""Profile: how the threads of the process used their time, and what a user can do with it.

samples ─► to_pprof ─► pprof.Profile ─┬─► formats ─► the file      (report ─► the page in a notebook)
   │                                  └─► sums by site ─► print, top_functions
   └─► timeline: samples in order of time, for the format that supports it
"""

from __future__ import annotations

import os
import sys
from operator import index

from spprof import _engine, formats
from spprof.cpu_time.samples import SAMPLE, CpuSamples
from spprof.cpu_time.to_pprof import profile_of
from spprof.formats.profile_stacks import ProfileStacks
from spprof.formats.source import by_thread
from spprof.on_demand import module
from spprof.records import cached_property, dataclass
from spprof.reserve import with_reserve
from spprof.results import CpuStack
from spprof.symbolize.own_code import with_own_as_one
from spprof.symbolize.stacks import KeptStacks
from spprof.text import sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.cpu_time import functions, text
    from spprof.formats import Target
    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile as PprofProfile
    from spprof.report import notebook
    from spprof.results import Frame
    from spprof.rows import TopFunction
else:
    functions = module("spprof.cpu_time.functions")
    notebook = module("spprof.report.notebook")
    text = module("spprof.cpu_time.text")

_ORDERED_MAX = 1 << 17
"""If there are more samples than this, files list totals by stack instead of single samples, because viewers cannot
load larger files.
"""


@dataclass(frozen=True, eq=False, repr=False)
class Profile(CpuSamples):
    """The result of ``spprof.stop()``. It does not change, and may be read from any thread."""

    def aggregate(self) -> tuple[CpuStack, ...]:
        """Return the samples of all threads by stack, those with the most weight first, then by name."""
        stacks = [CpuStack(totals.frames, *totals.weights) for totals in ProfileStacks(self.to_pprof()).totals()]
        return tuple(sorted(stacks, key=lambda stack: -stack.weight_ns))

    def top_functions(self, n: int = 10) -> list[TopFunction]:
        """Return the ``n`` functions that used the most time, not counting the functions they called, largest first.

        Each row is a dict: ``function``, ``file``, ``line`` (the function's line that used the most time), ``own_ns``
        (time of the function itself and of native code beneath it), ``total_ns`` (including everything that it called),
        and both as ``own_percent`` and ``total_percent`` of the profile's ``total_ns``. For a stack without a Python
        frame, the function is the innermost native one.

        TypeError if ``n`` is not an integer, ValueError if it is negative.
        """
        count = index(n)
        if count < 0:
            raise ValueError(f"n must be 0 or more, not {count}")
        return functions.top_functions(self.to_pprof())[:count]

    # ---- output

    def save(self, path: Target, format: str | None = None, *, source: bool = True) -> None:
        """Write the profile to ``path``, readable by its owner only (mode 0600).

        ``format``: ``"pprof"``, ``"speedscope"``, ``"collapsed"`` or ``"html"``. None derives it from the suffix:
        ``.pb.gz`` is pprof, ``.json`` is speedscope, ``.collapsed`` and ``.txt`` are collapsed, ``.html`` is html, a
        page for any browser. The file is written under a temporary name and then renamed, so a failure leaves the
        previous file in place; a FIFO or a device is written directly. ``path`` may also be a binary file object, for
        which None means pprof. ``source``: if true, html includes source lines around the lines that used the most
        time.

        ValueError: unknown format, or None with an unknown suffix. OSError: the file cannot be written.
        """
        self.save_with_notes(path, format, source=source)

    def __str__(self) -> str:
        """Return a table of the ten lines that used the most time, and the total."""
        return with_reserve(lambda: text.render(self, self.to_pprof()))

    def __repr__(self) -> str:
        return (
            f"<Profile: {self.total_ns} ns of {self.mode} time, {self.sample_count} samples, "
            f"{sampling_text(round(self.interval_ms * 1e6), 'nanoseconds')}>"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the page that ``save("….html")`` writes, in a frame."""
        return notebook.iframe(self.to_pprof())

    # ---- for the package's own use

    def save_with_notes(
        self,
        path: Target,
        format: str | None,
        notes: dict[str, str] | None = None,
        source: bool = True,
    ) -> None:
        """``save`` for the package's own use: ``notes`` become comments."""
        known_format = formats.format_for(path, format)
        timeline = self.timeline() if known_format == "speedscope" else None
        formats.save(self.to_pprof(notes), path, known_format, timeline, source)

    def to_pprof(self, notes: dict[str, str] | None = None) -> PprofProfile:
        """Return the profile that a pprof file contains. ``notes`` become comments."""
        return self._pprof.with_notes(notes or {})

    def timeline(self) -> list[Chart] | None:
        """Return a chart for each thread, with its stacks in order of time. None: there are more samples than viewers
        can load.
        """
        if len(self._packed) > _ORDERED_MAX * SAMPLE.size:
            return None
        stacks_of: dict[tuple[str, int], list[tuple[tuple[Frame, ...], int]]] = {}
        for sample in self.samples:
            stacks = stacks_of.setdefault((sample.thread_name, sample.thread_id), [])
            if stacks and stacks[-1][0] is sample.frames:
                stacks[-1] = (sample.frames, stacks[-1][1] + sample.weight_ns)
            else:
                stacks.append((sample.frames, sample.weight_ns))
        return by_thread("nanoseconds", stacks_of)

    @cached_property
    def _pprof(self) -> PprofProfile:
        return with_reserve(profile_of, self)


class Shown:
    """Maps a stack to its displayed frames, in which one frame stands for all of the profiler's own work. The same
    stack always gives the same tuple.
    """

    def __init__(self, stacks: KeptStacks) -> None:
        self._stacks = stacks
        self._known: dict[int, tuple[Frame, ...]] = {}

    def __call__(self, number: int) -> tuple[Frame, ...]:
        known = self._known.get(number)
        return known or self._known.setdefault(number, with_own_as_one(self._stacks.frames(number)))


def take(names: dict[int, str], threads_before: set[int], threads_now: set[int]) -> Profile:
    """Take the running profile, or the last one.

    ``names``: Python's names for its threads, keyed by id. ``threads_before``, ``threads_now``: ids of the threads that
    existed at the start, and of those that exist now. Other threads came and went. Those of them without a sample were
    too short-lived to be sampled.
    """
    return with_reserve(_take, names, threads_before, threads_now)


def _take(names: dict[int, str], threads_before: set[int], threads_now: set[int]) -> Profile:
    packed, overflow, threads, stats, of_session = _engine.cpu_profile()
    stacks = KeptStacks({number: rest for number, *rest in of_session})
    accounted = threads_now | {thread_id for thread_id, _, samples, _, _ in threads if samples}
    system = os.uname()
    return Profile(
        start_time=stats["start_ns"] / 1e9,
        end_time=stats["end_ns"] / 1e9,
        interval_ms=stats["interval_ns"] / 1e6,
        mode=stats["mode"],
        native=stats["native"],
        ticks=stats["ticks"],
        dropped=dict(stats["dropped"]),
        process_ns=stats["process_ns"],
        overhead_ns=stats["handler_ns"],
        short_threads=max(stats["python_threads"] - len(accounted - threads_before), 0),
        python_version=sys.version.split()[0],
        platform=f"{system.sysname}-{system.release}-{system.machine}",
        _threads=[(record[0], names.get(record[0]) or record[1], *record[2:]) for record in threads],
        _packed=packed,
        _overflow=overflow,
        _clock_offset_ns=stats["clock_offset_ns"],
        _start_ns=stats["start_ns"],
        _end_ns=stats["end_ns"],
        _frames_of=Shown(stacks),
        _learn=stacks.learn,
    )
