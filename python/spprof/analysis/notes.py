"""Sentences that a reader of a heap profile needs besides its numbers: what is counted only once, what is left out,
what a library holds in its own memory pool, and the effects of full tables.

snapshot ─┐
file     ─┴─► Notes ─► sentences
"""

from __future__ import annotations

from spprof.analysis import shortages
from spprof.pprof.pools import pools_of
from spprof.pprof.processes import own_mark
from spprof.pprof.profile import BORN, INUSE_SPACE, RESIDENT_SPACE
from spprof.pprof.shortages import NO_SHORTAGE, Shortages, shortages_of
from spprof.records import NamedTuple
from spprof.text import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.pprof.profile import Profile
    from spprof.results import MemoryPool


class Notes(NamedTuple):
    """The facts behind the notes on a heap profile."""

    inherited_bytes: int = 0
    """Estimated live bytes that another process allocated before a fork."""
    is_merged: bool = False
    """True if the profile covers several processes, each of which may hold those bytes."""
    profiler_bytes: int = 0
    """Estimated live bytes of the profiler's own Python code."""
    shortages: Shortages = NO_SHORTAGE
    absent_bytes: int = 0
    """Estimated live bytes that are not in memory, if they are a significant part."""
    pools: tuple[MemoryPool, ...] = ()
    """The memory pools of libraries."""

    def sentences(self) -> Iterator[str]:
        """Yield one line per note; none if there is nothing to say."""
        if self.absent_bytes:
            yield (
                f"{human_bytes(self.absent_bytes)} of the live bytes are not in memory: never written to, "
                f"or swapped out"
            )
        held = human_bytes(self.inherited_bytes)
        if self.inherited_bytes and self.is_merged:
            yield (
                f"{held} inherited by fork are counted once; pages written since the fork are separate copies, so "
                f"physical memory can be higher: see PSS"
            )
        elif self.inherited_bytes:
            yield (
                f"{held} inherited by fork: shared with the process that allocated it, except for pages written since "
                f"the fork, which are separate copies"
            )
        if self.profiler_bytes:
            yield f"the profiler itself holds {human_bytes(self.profiler_bytes)} (not included)"
        for pool in self.pools:
            if pool.bytes >= NOTABLE_BYTES:
                yield _pool_sentence(pool)
        yield from shortages.sentences(self.shortages)

    def document(self) -> dict[str, object]:
        """Return the notes as a document for JSON."""
        return {
            "inherited_bytes": self.inherited_bytes,
            "profiler_bytes": self.profiler_bytes,
            "absent_bytes": self.absent_bytes,
            "shortages": self.shortages.comments(),
            "pools": [{"library": one.library, "allocator": one.allocator, "bytes": one.bytes} for one in self.pools],
        }


NOTABLE_BYTES = 1 << 20
"""Mapped memory below this resident size, and pools that hold less, are not mentioned unless requested."""

_NOTABLE_SHARE = 20


def is_notable(absent: int, live: int) -> bool:
    """Return whether enough of the live memory is not resident for this to be mentioned."""
    return absent * _NOTABLE_SHARE > live


def notes_of(profile: Profile) -> Notes:
    """Return the notes on a file."""
    merged, profilers = own_mark(profile) is None, profile.profiler_bytes
    of_tables, absent = shortages_of(profile), _absent(profile)
    return Notes(_inherited(profile), merged, profilers, of_tables, absent, pools_of(profile))


def _pool_sentence(pool: MemoryPool) -> str:
    """Return the sentence on a pool. Every pool known so far is Arrow's."""
    return (
        f"Arrow's memory pool ({pool.allocator}) holds {human_bytes(pool.bytes)} by its own count, outside the heap. "
        f"It appears as one mapping, at the line that first used it; with ARROW_DEFAULT_MEMORY_POOL=system "
        f"(spprof run --arrow-malloc) Arrow calls malloc, and spprof can show each line"
    )


def _absent(profile: Profile) -> int:
    """Return the live bytes that are not resident, based only on the values of blocks; 0 if they are insignificant."""
    types = profile.sample_types
    if INUSE_SPACE not in types or RESIDENT_SPACE not in types:
        return 0
    live, resident = types.index(INUSE_SPACE), types.index(RESIDENT_SPACE)
    held = there = 0
    for sample in profile.samples:
        held += sample.values[live]
        there += sample.values[resident] if sample.values[live] else 0
    return held - there if is_notable(held - there, held) else 0


def _inherited(profile: Profile) -> int:
    if INUSE_SPACE not in profile.sample_types:
        return 0
    at = profile.sample_types.index(INUSE_SPACE)
    return sum(sample.values[at] for sample in profile.samples if any(one.key == BORN for one in sample.labels))
