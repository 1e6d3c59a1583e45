"""pprof's ``profile.proto``, packed with gzip: what ``go tool pprof``, Pyroscope, Parca and Grafana read.

    alloc_objects/count  alloc_space/bytes  inuse_objects/count  inuse_space/bytes      as Go's heap profiles
         all that was ever allocated             what is live (shown first)             estimates, scaled up
    peak_objects/count  peak_space/bytes         what was live when the heap was largest, behind those

    samples/count  cpu/nanoseconds (shown first), of mode "wall" wall/nanoseconds       as Go's CPU profiles

Of a heap a sample is a stack with a block size (label ``bytes``), a thread (label ``thread``, the kernel's id) and,
where it is not the period, a sampling rate (label ``rate``; 1 = every allocation). Its values stand for all live blocks
of which those of that size were sampled; its allocated columns are the same. What else was allocated at a stack and is
freed by now, and what was live there at the peak, is one more sample of that stack, without a block size, in use 0. So
the allocated columns sum up to all that was ever allocated, and intervals can be worked out: of what is in use from
block sizes and rates, of the peak from its moments, a field of our own (``spprof.analysis.sample_weights``). The period
is the mean bytes between samples, the latest; 1 = every allocation.

Of a CPU profile a sample is a stack with a thread (labels ``thread``, its name, and ``thread_id``, the kernel's id);
the period is the interval in nanoseconds.

Interpreted frames have a file and a line and no address. Comments: ``key: value`` for the versions, for what the
columns do not tell (``spprof.heap.to_pprof``, ``spprof.cpu_time.to_pprof``), and what a run adds.
"""

from __future__ import annotations

from spprof.pprof.file import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile


def write(profile: Profile, timeline: Sequence[Chart] | None = None, with_source: bool = True) -> Iterator[bytes]:
    """Yield the file. Deterministic: equal profiles give the same bytes. The format has no order in time."""
    yield from written(profile)
