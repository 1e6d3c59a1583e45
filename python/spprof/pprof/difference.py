"""What happened between two profiles of one process: the second less the first, stack by stack.

    first  ─► values negated ─┐
                              ├─► merged ─► stacks whose values are not all 0
    second ─► values ─────────┘

Values may be negative: what was in use at the first moment and is freed at the second. Samples have no labels: the same
block has others at another moment (its age, how much of it is in memory, the process after a fork), and would be there
twice. Without block sizes, and without a period, no interval is worked out. There are no peaks: each profile has a
moment of its own for them.
"""

from __future__ import annotations

from spprof.pprof.merge import merged
from spprof.pprof.profile import PEAK_TYPES
from spprof.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Profile


def difference(first: Profile, second: Profile) -> Profile:
    """The second profile less the first. ProfileError: their sample types differ."""
    both = merged([_plain(first, -1), _plain(second, 1)])
    return replace(
        both,
        samples=[sample for sample in both.samples if any(sample.values)],
        default_type=second.default_type,
        period_type=second.period_type,
        period=0,
        time_ns=second.time_ns,
        duration_ns=max(second.time_ns - first.time_ns, 0),
        comments=tuple(text for text in second.comments if text.startswith(_KEPT)),
    )


_KEPT = ("spprof: ", "python: ")


def _plain(profile: Profile, sign: int) -> Profile:
    """The profile with each value times ``sign``, and nothing beside the values."""
    types = [one for one in profile.sample_types if one not in PEAK_TYPES]
    there = profile.with_types(types, profile.default_type)
    samples = [
        sample._replace(values=tuple(sign * value for value in sample.values), labels=(), serials=(), moments=None)
        for sample in there.samples
    ]
    return replace(there, samples=samples, comments=())
