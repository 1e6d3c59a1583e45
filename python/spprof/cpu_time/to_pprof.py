"""Converts a CPU profile to the form of a pprof file.

    stack + thread ─► a sample: how many samples were taken, how much time they stand for; labels thread, thread_id

Values are integers, so that their sums equal the profile's own.
"""

from __future__ import annotations

import os

from spprof import _engine, environment
from spprof.pprof.locations import Locations, by_callers
from spprof.pprof.mappings import Mappings
from spprof.pprof.profile import PID, SAMPLES, THREAD, THREAD_ID, TIMES, Label, Profile, Sample

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.cpu_time.samples import CpuSamples
    from spprof.pprof.mappings import ModuleRecord


def profile_of(taken: CpuSamples, modules: Sequence[ModuleRecord] | None = None) -> Profile:
    """Return the profile of ``taken``. ``modules``: the objects that contain native frames; None: those that the engine
    knows.
    """
    mappings = Mappings(_engine.modules() if modules is None else modules)
    locations = Locations(mappings)
    samples = _samples(taken, locations)
    time = TIMES[taken.mode]
    return Profile(
        sample_types=(SAMPLES, time),
        locations=locations.rows,
        samples=samples,
        mappings=mappings.rows,
        default_type=time.type,
        period_type=time,
        period=round(taken.interval_ms * 1e6),
        time_ns=taken._start_ns,
        duration_ns=taken._end_ns - taken._start_ns,
        comments=tuple(f"{key}: {text}" for key, text in _notes(taken).items()),
    )


def _samples(taken: CpuSamples, locations: Locations) -> list[Sample]:
    """Return a sample for each stack and thread, with the samples of one stack next to each other."""
    parts = taken.parts()
    frames_by_id = {id(part.frames): part.frames for part in parts}
    number_of = {key: locations.stack_number(frames) for key, frames in frames_by_id.items()}
    sums: dict[tuple[int, int], list[int]] = {}
    for frames, thread_id, count, weight in parts:
        known = sums.setdefault((number_of[id(frames)], thread_id), [0, 0])
        known[0] += count
        known[1] += weight
    by_stack: list[list[Sample]] = [[] for _ in locations.stacks]
    for (number, thread_id), values in sums.items():
        labels = _labels(taken.thread_name(thread_id), thread_id)
        by_stack[number].append(Sample(locations.stacks[number], tuple(values), labels))
    return [sample for number in by_callers(locations.stacks) for sample in by_stack[number]]


def _labels(name: str, thread_id: int) -> tuple[Label, ...]:
    if thread_id == 0:
        return ()
    return Label(THREAD, name or str(thread_id)), Label(THREAD_ID, None, thread_id)


def _notes(taken: CpuSamples) -> dict[str, str]:
    return {
        "spprof": _engine.VERSION,
        "python": taken.python_version,
        "platform": taken.platform,
        "process_ns": str(taken.process_ns),
        "overhead_ns": str(taken.overhead_ns),
        "dropped_samples": str(taken.dropped_count),
        "short_threads": str(taken.short_threads),
        PID: str(os.getpid()),
        **environment.notes(),
    }
