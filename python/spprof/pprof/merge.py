"""Several profiles as one: values of equal stacks and labels are added.

    file 1, file 2, … ─► same sample types ─► locations and mappings made one by what they say ─► sums

A sample that was drawn at its file's period gets that as its ``rate`` where the files' periods differ, so that
intervals can still be worked out.
"""

from __future__ import annotations

from operator import add

from spprof.pprof.profile import Label, Location, Mapping, Profile, ProfileError, Sample
from spprof.pprof.shortages import is_shortage, shortages_of, summed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Labels = tuple[Label, ...]


def merged(profiles: Sequence[Profile]) -> Profile:
    """The sum of one or more profiles. Time and period are the latest's, comments those that all have; what full tables
    did is summed up.

    ProfileError: their sample types differ.
    """
    latest = max(profiles, key=lambda profile: profile.time_ns)
    sums = _Sums(latest)
    for number, profile in enumerate(profiles, 1):
        if profile.sample_types != latest.sample_types:
            raise ProfileError(f"file {number} of {len(profiles)} has other sample types; only like profiles add up")
        sums.add(profile)
    return Profile(
        sample_types=latest.sample_types,
        locations=list(sums.locations),
        samples=sums.samples(),
        mappings=list(sums.mappings),
        default_type=latest.default_type,
        period_type=latest.period_type,
        period=latest.period,
        time_ns=latest.time_ns,
        duration_ns=sum(profile.duration_ns for profile in profiles),
        comments=_comments(latest, profiles),
    )


def _comments(latest: Profile, profiles: Sequence[Profile]) -> tuple[str, ...]:
    kept = [text for text in latest.comments if all(text in profile.comments for profile in profiles)]
    shortages = summed(map(shortages_of, profiles)).comments()
    return (
        *(text for text in kept if not (latest.is_heap and is_shortage(text))),
        *(f"{key}: {text}" for key, text in shortages.items()),
    )


class _Sums:
    """What the profiles so far add up to. Dictionaries number locations and mappings in the order of their coming."""

    def __init__(self, latest: Profile) -> None:
        self._period = latest.period
        self._values: dict[tuple[tuple[int, ...], Labels], list[int]] = {}
        self.locations: dict[Location, int] = {}
        self.mappings: dict[Mapping, int] = {}

    def add(self, profile: Profile) -> None:
        mappings = [self.mappings.setdefault(mapping, len(self.mappings)) for mapping in profile.mappings] + [-1]
        renumbered = []
        for location in profile.locations:
            moved = location._replace(mapping=mappings[location.mapping])
            renumbered.append(self.locations.setdefault(moved, len(self.locations)))
        for sample in profile.samples:
            key = tuple(map(renumbered.__getitem__, sample.stack)), self._labels(sample.labels, profile)
            known = self._values.get(key)
            if known is None:
                self._values[key] = list(sample.values)
            else:
                known[:] = map(add, known, sample.values)

    def samples(self) -> list[Sample]:
        return [Sample(stack, tuple(values), labels) for (stack, labels), values in self._values.items()]

    def _labels(self, labels: Labels, profile: Profile) -> Labels:
        """The labels, with the rate that the period told so far."""
        keys = {label.key for label in labels}
        if profile.period == self._period or not profile.is_heap or "bytes" not in keys or "rate" in keys:
            return labels
        return (*labels, Label("rate", None, profile.period, "bytes"))
