"""Why a heap profile shows nothing, or little, and what to do.

nothing was allocated · all was freed: see the peak · few samples · native code alone
"""

from __future__ import annotations

from spprof.records import NamedTuple
from spprof.text import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 100
"""Samples below which an interval is wider than a fifth of the estimate on either side."""

NOTABLE = 1.2
"""How many times what is live the peak must be to be shown, or pointed at, first."""

_FINER = 8


class Remedies(NamedTuple):
    """How the reader asks for more, in the words of where the result is read."""

    peak: str
    allocated: str
    rate: str
    """What the sampling interval in KiB is appended to."""


IN_FILES = Remedies("--view peak", "--view allocated", "--rate-kb ")
IN_PYTHON = Remedies("snapshot.peak", "snapshot.save()", "sampling_rate_kb=")


def explanation(
    *,
    live: int,
    was_sampled: bool,
    has_python: bool,
    rate: int,
    unseen: int,
    remedies: Remedies,
) -> Iterator[str]:
    """Sentences, without a full stop at the end; none where the result speaks for itself.

    ``live``: samples shown. ``was_sampled``: whether there were others, of memory that has been freed. ``has_python``:
    whether any stack has a Python frame. ``rate``: mean bytes between samples. ``unseen``: bytes below which the heap
    is, with 97.5 %, where nothing was sampled.
    """
    if live == 0 and was_sampled:
        yield (
            f"all that was sampled has been freed: less than {human_bytes(unseen)} is alive (97.5 %); "
            f"{remedies.peak} shows what was live at the peak, {remedies.allocated} all that was ever allocated"
            f"{finer(rate, remedies)}"
        )
    elif live == 0:
        yield (
            f"nothing was sampled: the program allocated little, and less than {human_bytes(unseen)} is alive (97.5 %)"
            f"{finer(rate, remedies)}"
        )
    elif live < FEW and rate > 1:
        yield f"few samples make wide intervals{finer(rate, remedies)}"
    if live and not has_python:
        yield "no stack has a Python frame: native code allocated this, in threads of its own or before Python ran"


def finer(rate: int, remedies: Remedies) -> str:
    """What sees more, as the end of a sentence; "" where every allocation is sampled already."""
    if rate <= 1:
        return ""
    lower = rate // 1024 // _FINER
    return f"; {remedies.rate}{lower} sees {f'{_FINER} times as much' if lower else 'every allocation'}"
