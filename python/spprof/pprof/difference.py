"""The difference between two profiles of one process: the second minus the first, stack by stack.

    first  ─► values negated ─┐
                              ├─► merged ─► stacks whose values are not all 0
    second ─► values ─────────┘

Values may be negative: memory that was live in the first profile may have been freed by the second. Samples have no
labels, because the labels of a block change over time (its age, its resident size, the process after a fork), so the
block would appear twice. Without block sizes and a period, no interval is computed. There are no peaks, because the two
profiles peaked at different times.
"""

from __future__ import annotations

from spprof.pprof.merge import merged
from spprof.pprof.profile import PEAK_TYPES
from spprof.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Profile


def difference(first: Profile, second: Profile) -> Profile:
    """Return the second profile minus the first. ProfileError: their sample types differ."""
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
    """Return the profile with each value multiplied by ``sign``, without labels, serials, moments or comments."""
    types = [one for one in profile.sample_types if one not in PEAK_TYPES]
    there = profile.with_types(types, profile.default_type)
    samples = [
        sample._replace(values=tuple(sign * value for value in sample.values), labels=(), serials=(), moments=None)
        for sample in there.samples
    ]
    return replace(there, samples=samples, comments=())
