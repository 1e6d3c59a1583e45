"""What a reader must know of a heap profile beside its numbers, in sentences: what is counted once, what is left out,
what a library holds in a pool of its own, what full tables did.

snapshot ─┐
file     ─┴─► Notes ─► sentences
"""

from __future__ import annotations

from spprof.analysis import shortages
from spprof.pprof.pools import pools_of
from spprof.pprof.processes import own_mark
from spprof.pprof.profile import BORN, INUSE_SPACE
from spprof.pprof.shortages import NO_SHORTAGE, Shortages, shortages_of
from spprof.records import NamedTuple
from spprof.text import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.pprof.profile import Profile
    from spprof.results import MemoryPool

_NOTABLE_BYTES = 1 << 20
"""Libraries that allocate little in their pools are not worth a line."""


class Notes(NamedTuple):
    """Of a heap profile."""

    inherited_bytes: int = 0
    """Estimated live bytes that another process had allocated before a fork."""
    is_merged: bool = False
    """Whether it is of several processes, of which each may hold those bytes."""
    profiler_bytes: int = 0
    """Estimated live bytes of the profiler's own Python code."""
    shortages: Shortages = NO_SHORTAGE
    pools: tuple[MemoryPool, ...] = ()
    """What libraries hold in memory pools of their own."""

    def sentences(self) -> Iterator[str]:
        """One line each; none where there is nothing to say."""
        held = human_bytes(self.inherited_bytes)
        if self.inherited_bytes and self.is_merged:
            yield (
                f"{held} inherited by fork counted once; pages written since the fork are separate copies, so physical "
                f"memory can be higher: see PSS"
            )
        elif self.inherited_bytes:
            yield (
                f"{held} inherited by fork: shared with the process that allocated it, but for pages written since, "
                f"which are separate copies"
            )
        if self.profiler_bytes:
            yield f"the profiler itself holds {human_bytes(self.profiler_bytes)} (not included)"
        for pool in self.pools:
            if pool.bytes >= _NOTABLE_BYTES:
                yield _pool_sentence(pool)
        yield from shortages.sentences(self.shortages)

    def document(self) -> dict[str, object]:
        """The same as JSON."""
        return {
            "inherited_bytes": self.inherited_bytes,
            "profiler_bytes": self.profiler_bytes,
            "shortages": self.shortages.comments(),
            "pools": [{"library": one.library, "allocator": one.allocator, "bytes": one.bytes} for one in self.pools],
        }


def notes_of(profile: Profile) -> Notes:
    """Those of a file."""
    return Notes(
        _inherited(profile), own_mark(profile) is None, profile.profiler_bytes, shortages_of(profile), pools_of(profile)
    )


def _pool_sentence(pool: MemoryPool) -> str:
    """Every pool that is known so far is Arrow's."""
    return (
        f"Arrow's memory pool ({pool.allocator}) holds {human_bytes(pool.bytes)} by its own count, outside the heap. "
        f"It is one mapping, so its lines are not known; with ARROW_DEFAULT_MEMORY_POOL=system "
        f"(spprof run --arrow-malloc) Arrow calls malloc, and they are"
    )


def _inherited(profile: Profile) -> int:
    if INUSE_SPACE not in profile.sample_types:
        return 0
    at = profile.sample_types.index(INUSE_SPACE)
    return sum(sample.values[at] for sample in profile.samples if any(one.key == BORN for one in sample.labels))
