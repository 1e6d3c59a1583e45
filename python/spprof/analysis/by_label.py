"""A profile, totalled by the labels of its samples: the process, the thread."""

from __future__ import annotations

from spprof.analysis.sample_weights import adder
from spprof.analysis.sites import Sums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from spprof.analysis.by_site import Tally
    from spprof.pprof.profile import Label


def by_label(tally: Tally, name_of: Callable[[tuple[Label, ...]], str]) -> dict[str, Sums]:
    """Return the sums of the samples, keyed by a name that ``name_of`` makes from their labels. Empty sums are left
    out.
    """
    add = adder(tally.profile, tally.index)
    groups: dict[str, Sums] = {}
    names: dict[tuple[Label, ...], str] = {}
    for sample in tally.profile.samples:
        name = names.get(sample.labels)
        if name is None:
            name = names[sample.labels] = name_of(sample.labels)
        sums = groups.get(name)
        if sums is None:
            sums = groups[name] = Sums()
        add(sample, sums)
    return {name: sums for name, sums in groups.items() if not sums.is_nothing}
