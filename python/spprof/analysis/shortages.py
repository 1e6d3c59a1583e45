"""The effects of full tables on a heap profile and its numbers, in sentences."""

from __future__ import annotations

from spprof.pprof.shortages import STACKS_EVICTED, STACKS_FULL
from spprof.text import amount, human_bytes, sampling_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.pprof.shortages import Shortages

_MEANINGS = {
    "hook_displaced": "another tool had removed the allocator hook: blocks allocated in the meantime are missing",
    "pending_frees_full": "there was no room to note frees made in signal handlers: those blocks still count as live",
    "out_of_memory": "the kernel provided no memory for a table",
    "live_table_full": "the table of live samples was full; set SPPROF_LIVE_SAMPLES_MAX higher",
}


def sentences(shortages: Shortages) -> Iterator[str]:
    """Yield one line for each kind of shortage, with its remedy; none if every table had room."""
    if shortages.evicted_stacks:
        yield (
            f"{_count(shortages.evicted_stacks, 'stack')} without live memory left the table; their allocated bytes "
            f"({human_bytes(shortages.folded_bytes)}) are listed as {STACKS_EVICTED}. Live memory is not affected"
        )
    if shortages.unkept_samples:
        yield (
            f"the table of stacks was full for {_count(shortages.unkept_samples, 'sample')} "
            f"({amount(shortages.unkept_live_samples, 'count')} live), listed as {STACKS_FULL}. Totals and their "
            f"intervals are still correct; set SPPROF_STACKS_MAX higher to see these lines"
        )
    if shortages.marked_codes:
        yield (
            f"the table of code was full for {_count(shortages.marked_codes, 'sample')}, listed as <code table full>. "
            f"Totals and their intervals are still correct; set SPPROF_CODES_MAX higher to see these lines"
        )
    if shortages.thinned_rate:
        how = sampling_text(shortages.thinned_rate)
        yield (
            f"the table of live samples was full, and sampling continued with {how}. "
            f"Estimates stay unbiased, but intervals are wider; set SPPROF_LIVE_SAMPLES_MAX higher to avoid that"
        )
    for reason, count in shortages.dropped:
        yield f"{_count(count, 'sample')} dropped ({reason}): {_MEANINGS.get(reason, 'see docs/data-model.md')}"
    if shortages.unlisted_mappings:
        yield (
            f"the table of mappings was full for {_count(shortages.unlisted_mappings, 'mapping')}, not counted here; "
            f"set SPPROF_MAPPINGS_MAX higher"
        )
    if shortages.lost_bytes:
        yield (
            f"lost samples stood for {human_bytes(shortages.lost_bytes)} that may be live: "
            f"the upper end of the whole heap's interval includes them"
        )


def _count(number: int, noun: str) -> str:
    return f"{amount(number, 'count')} {noun if number == 1 else noun + 's'}"
