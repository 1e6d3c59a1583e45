"""The reasons why a heap profile shows little or nothing, and the remedies.

nothing was allocated · everything was freed: see the peak · few samples · only native code
"""

from __future__ import annotations

from spprof.records import NamedTuple
from spprof.text import human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 100
"""With fewer samples than this, an interval extends by more than a fifth of the estimate on either side."""

NOTABLE = 1.2
"""The peak is shown or mentioned first if it is at least this many times the live memory."""

_FINER = 8


class Remedies(NamedTuple):
    """How the reader can ask for more, in terms that fit where the result is read."""

    peak: str
    allocated: str
    rate: str
    """The option or parameter to which the sampling interval in KiB is appended."""


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
    """Yield sentences without a final full stop; none if the result speaks for itself.

    ``live``: number of samples shown. ``was_sampled``: whether there were others, of memory that has been freed.
    ``has_python``: whether any stack has a Python frame. ``rate``: mean bytes between samples. ``unseen``: if nothing
    was sampled, an upper bound on the heap's bytes with 97.5 % confidence.
    """
    if live == 0 and was_sampled:
        yield (
            f"every sampled block has been freed: less than {human_bytes(unseen)} is live (97.5 % confidence); "
            f"{remedies.peak} shows what was live at the peak, {remedies.allocated} everything ever allocated"
            f"{finer(rate, remedies)}"
        )
    elif live == 0:
        yield (
            f"nothing was sampled: the program allocated little, and less than {human_bytes(unseen)} is live "
            f"(97.5 % confidence){finer(rate, remedies)}"
        )
    elif live < FEW and rate > 1:
        yield f"few samples mean wide intervals{finer(rate, remedies)}"
    if live and not has_python:
        yield "no stack has a Python frame: native code allocated this, in its own threads or before Python ran"


def finer(rate: int, remedies: Remedies) -> str:
    """Return the end of a sentence that suggests a shorter sampling interval; "" if every allocation is already
    sampled.
    """
    if rate <= 1:
        return ""
    lower = rate // 1024 // _FINER
    return (
        f"; {remedies.rate}{lower} {f'takes {_FINER} times as many samples' if lower else 'samples every allocation'}"
    )
