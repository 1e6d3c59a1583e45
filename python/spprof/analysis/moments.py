"""One snapshot of a series, as an ordinary profile.

state: rows by stack ─► label allocated_by ─► label age, at that moment ─┬► equal rows added up ─► Profile
                        label rate, if equal to the period ─► dropped   ─┘
"""

from __future__ import annotations

from operator import add

from spprof.analysis.ages import beginning
from spprof.pprof.profile import AGE, DRAWN_AT, MAPPING, Label, Moments, Profile, Sample
from spprof.pprof.series_stamp import ALLOCATED_BY, STACK, is_stamp, stamp_of
from spprof.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.pprof.profile import Location
    from spprof.pprof.series import Series, State

    Labels = tuple[Label, ...]
    Rows = dict[tuple[tuple[int, ...], Labels], Sample]


def profile_at(series: Series, state: State, *, keeps_dates: bool = False) -> Profile:
    """Return the profile of ``state``, a state of ``series``. ``keeps_dates``: also keep the ALLOCATED_BY labels."""
    rows = [row for rows in state.stacks.values() for row in rows]
    rows += state.mapped
    header = replace(state.header, mappings=list(series.mappings))
    return _plain(header, list(series.locations), rows, state.entry.monotonic_ms, keeps_dates)


def profile_alone(profile: Profile) -> Profile:
    """Return the profile of a series file that builds on no other. Return any other profile unchanged."""
    stamp = stamp_of(profile)
    return profile if stamp is None else _plain(profile, profile.locations, profile.samples, stamp.monotonic_ms)


def _plain(
    header: Profile, locations: list[Location], rows: Iterable[Sample], now_ms: int, keeps_dates: bool = False
) -> Profile:
    usual = Label(DRAWN_AT, None, header.period, "bytes")
    known: dict[Labels, Labels] = {}
    added: Rows = {}
    shared: list[Sample] = []
    for row in rows:
        labels = known.get(row.labels)
        if labels is None:
            labels = known[row.labels] = _labels(row.labels, usual, now_ms, keeps_dates)
        moved = row._replace(labels=labels)
        if row.serials:
            shared.append(moved)
            continue
        other = added.setdefault((row.stack, labels), moved)
        if other is not moved:
            added[row.stack, labels] = _sum(other, moved)
    samples, used = _renumbered([*added.values(), *shared], locations)
    kept = tuple(comment for comment in header.comments if not is_stamp(comment))
    return replace(header, locations=used, samples=samples, comments=kept)


def _labels(labels: Labels, usual: Label, now_ms: int, keeps_dates: bool) -> Labels:
    """``usual``: the interval label at which blocks without such a label were drawn. Mappings keep theirs."""
    kept = []
    is_mapping = any(label.key == MAPPING for label in labels)
    for label in labels:
        if label.text is None and label.key == ALLOCATED_BY:
            seconds = (now_ms - label.number) / 1000
            kept.append(Label(AGE, None, beginning(seconds), "seconds"))
            kept += [label] if keeps_dates else []
        elif label.text is not None or not (label.key == STACK or (label == usual and not is_mapping)):
            kept.append(label)
    return tuple(kept)


def _sum(one: Sample, other: Sample) -> Sample:
    moments = one.moments or other.moments
    if one.moments and other.moments:
        moments = Moments(*map(add, one.moments, other.moments))
    return one._replace(values=tuple(map(add, one.values, other.values)), moments=moments)


def _renumbered(rows: list[Sample], locations: list[Location]) -> tuple[list[Sample], list[Location]]:
    """Return the rows, renumbered, and only the locations to which they refer."""
    stacks = {row.stack: row.stack for row in rows}
    used = sorted({place for stack in stacks for place in stack})
    if len(used) == len(locations):
        return rows, locations
    number_of = {place: number for number, place in enumerate(used)}
    for stack in stacks:
        stacks[stack] = tuple(map(number_of.__getitem__, stack))
    return [row._replace(stack=stacks[row.stack]) for row in rows], [locations[place] for place in used]
