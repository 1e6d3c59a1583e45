"""pprof's ``profile.proto``, packed with gzip: what ``go tool pprof``, Pyroscope, Parca and Grafana read.

    alloc_objects/count  alloc_space/bytes  inuse_objects/count  inuse_space/bytes      as Go's heap profiles
         everything ever allocated            what is live (shown first)                estimates, scaled up
    peak_objects/count  peak_space/bytes         what was live when the heap was largest, after those

    samples/count  cpu/nanoseconds (shown first), in mode "wall" wall/nanoseconds       as Go's CPU profiles

In a heap profile, a sample is a stack with a block size (label ``bytes``), a thread (label ``thread``, the kernel's id)
and, if it differs from the period, a sampling rate (label ``rate``; 1 = every allocation). Its live values stand for
all live blocks that the sampled blocks of that size represent; its allocated values are the same. One more sample of
the same stack, without a block size and with nothing live, holds the memory that was allocated there and has since been
freed, and what was live there at the peak. The allocated columns therefore add up to everything ever allocated, and
intervals can be computed: for live values from block sizes and rates, for the peak from its moments, a field of our own
(``spprof.analysis.sample_weights``). The period is the latest mean number of bytes between samples; 1 = every
allocation.

In a CPU profile, a sample is a stack with a thread (labels ``thread``, its name, and ``thread_id``, the kernel's id);
the period is the interval in nanoseconds.

Interpreted frames have a file and a line but no address. Comments have the form ``key: value``: the versions, what the
columns do not show (``spprof.heap.to_pprof``, ``spprof.cpu_time.to_pprof``), and what a run adds.
"""

from __future__ import annotations

from spprof.pprof.file import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spprof.formats.source import Chart
    from spprof.pprof.profile import Profile


def write(profile: Profile, timeline: Sequence[Chart] | None = None, with_source: bool = True) -> Iterator[bytes]:
    """Yield the file. Deterministic: equal profiles give the same bytes. The format cannot express order in time."""
    yield from written(profile)
