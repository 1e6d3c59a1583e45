"""Two snapshots of one process between which stacks have left the engine's table.

    OLD:  a 10  b 5                          a 10  b 0   <stacks no longer kept> 5
    NEW:  a 12       <stacks no longer kept> 8            ─► change: a +2, <stacks no longer kept> +3, and no −5 at b

In NEW, the total of the marked stack includes everything that was ever allocated at stacks that have left. OLD is
changed in the same way before the two are compared, so that no total seems to shrink.
"""

from __future__ import annotations

from operator import add, sub

from spprof.pprof.profile import ALLOC_TYPES, Location, Sample
from spprof.pprof.shortages import STACKS_EVICTED, shortages_of
from spprof.records import NamedTuple, replace
from spprof.results import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile, ValueType

    Names = tuple[tuple[str, str, int], ...]

_MARKED = Frame(STACKS_EVICTED, "", 0, 0, True)
_MARKED_NAMES = ((STACKS_EVICTED, "", 0),)


class _Allocated(NamedTuple):
    """Everything that was ever allocated at a stack."""

    stack: tuple[int, ...]
    values: list[int]


def with_folding_of(old: Profile, new: Profile) -> Profile:
    """Return ``old`` with its allocations at stacks that ``new`` no longer keeps moved to ``STACKS_EVICTED``.

    Return ``old`` unchanged if ``new`` has no such stacks. Also return it unchanged if their total in ``new`` is
    smaller: the two are then different runs.
    """
    columns = [one for one in ALLOC_TYPES if one in old.sample_types and one in new.sample_types]
    if not (columns and old.is_heap and new.is_heap and shortages_of(new).evicted_stacks):
        return old
    before, after = _by_names(old, columns), _by_names(new, columns)
    nothing = [0] * len(columns)
    room = list(map(sub, _values(after, nothing), _values(before, nothing)))
    moved: list[_Allocated] = []
    for names, (stack, values) in before.items():
        now = after[names].values if names in after else nothing
        gone = [max(was - is_now, 0) for was, is_now in zip(values, now)]
        if names != _MARKED_NAMES and any(gone):
            moved.append(_Allocated(stack, gone))
    total = [sum(column) for column in zip(*(values for _, values in moved))] or nothing
    if not any(total) or any(more > free for more, free in zip(total, room)):
        return old
    marked = _Allocated((len(old.locations),), [-value for value in total])
    changes = [_sample(old, stack, values, columns) for stack, values in (*moved, marked)]
    return replace(old, locations=[*old.locations, Location((_MARKED,), -1, 0)], samples=[*old.samples, *changes])


def _values(allocated: dict[Names, _Allocated], nothing: list[int]) -> list[int]:
    return allocated[_MARKED_NAMES].values if _MARKED_NAMES in allocated else nothing


def _by_names(profile: Profile, columns: Sequence[ValueType]) -> dict[Names, _Allocated]:
    """Return the allocations, keyed by the names that a reader sees in a stack."""
    places = [profile.sample_types.index(one) for one in columns]
    names_of: dict[tuple[int, ...], Names] = {}
    found: dict[Names, _Allocated] = {}
    for sample in profile.samples:
        names = names_of.get(sample.stack)
        if names is None:
            frames = profile.frames(sample.stack)
            names = names_of[sample.stack] = tuple((one.function, one.file, one.line) for one in frames)
        values = [sample.values[place] for place in places]
        known = found.get(names)
        if known is None:
            found[names] = _Allocated(sample.stack, values)
        else:
            known.values[:] = map(add, known.values, values)
    return found


def _sample(profile: Profile, stack: tuple[int, ...], values: list[int], columns: Sequence[ValueType]) -> Sample:
    """Return a sample that subtracts ``values`` from a stack's allocated columns."""
    row = [0] * len(profile.sample_types)
    for value_type, value in zip(columns, values):
        row[profile.sample_types.index(value_type)] = -value
    return Sample(stack, tuple(row), ())
