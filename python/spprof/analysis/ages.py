"""How long ago blocks were allocated. Ages are in bands, so that equal stacks in a file still add up.

    now - time of a sample ─► band ─► label "age" in a file: the minimum age in the band, in seconds
                                  ─► Ages: bytes by band ─► the oldest, the median
    --older-than AGE ─► the bands from AGE up ─► a profile of only those blocks

Bands begin at ages that people name: 1, 2, 5, 10, 30 seconds, and so on up to years.
"""

from __future__ import annotations

from bisect import bisect_right

from spprof.pprof.profile import AGE, INUSE_OBJECTS, INUSE_SPACE, MAPPED_TYPES, RESIDENT_SPACE
from spprof.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from spprof.pprof.profile import Profile, Sample

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
BANDS: Final = (
    *(0, 1, 2, 5, 10, 30),
    *(number * _MINUTE for number in (1, 2, 5, 10, 30)),
    *(number * _HOUR for number in (1, 2, 5, 12)),
    *(number * _DAY for number in (1, 2, 5, 10, 30, 100, 365, 1000)),
)
"""The age at which each band begins, in seconds; it ends where the next one begins."""

HELD: Final = (INUSE_SPACE, INUSE_OBJECTS, *MAPPED_TYPES, RESIDENT_SPACE)
"""The sample types of memory that is held now. These have ages."""

OLDER_THAN: Final = "older_than"
"""Key of the comment with the minimum age, in seconds, of everything in a profile. Files have no such comment."""

_UNITS = (("d", _DAY), ("h", _HOUR), ("min", _MINUTE), ("s", 1))
_UNIT_OF = {"s": 1, "m": _MINUTE, "min": _MINUTE, "h": _HOUR, "d": _DAY}


def limits(now_ns: int) -> list[int]:
    """Return, for each band, the earliest allocation time of a block that is younger than the band, in ns, ascending.
    See ``band_of``.
    """
    return [now_ns - band * 10**9 for band in reversed(BANDS[1:])]


def band_of(time_ns: int, of_now: list[int]) -> int:
    """Return the minimum age, in seconds, of the band of a block allocated at ``time_ns``. ``of_now``: the result of
    ``limits``.
    """
    return BANDS[len(of_now) - bisect_right(of_now, time_ns - 1)]


class Ages:
    """Bytes held, by age."""

    __slots__ = ("by_band",)

    def __init__(self) -> None:
        self.by_band: dict[int, int] = {}
        """Bytes, keyed by the minimum age of the band in seconds."""

    def add(self, band: int, value: int) -> None:
        """Add ``value`` bytes to a band."""
        self.by_band[band] = self.by_band.get(band, 0) + value

    @property
    def oldest(self) -> int | None:
        """The minimum age of the oldest band that holds anything, in seconds; None if nothing is held."""
        return max((band for band, value in self.by_band.items() if value > 0), default=None)

    @property
    def median(self) -> int | None:
        """The minimum age of the band that contains the median byte, in seconds; None if nothing is held."""
        whole, so_far = sum(self.by_band.values()), 0
        for band in sorted(self.by_band):
            so_far += self.by_band[band]
            if 2 * so_far >= whole > 0:
                return band
        return None


def age_of(sample: Sample) -> int | None:
    """Return the minimum age of a sample's band, in seconds; None if it has no age, like freed memory and samples in
    other tools' files.
    """
    return next((label.number for label in sample.labels if label.key == AGE and label.text is None), None)


def tells_ages(profile: Profile) -> bool:
    """Return whether the samples of live memory have ages."""
    return INUSE_SPACE in profile.sample_types and any(age_of(sample) is not None for sample in profile.samples)


def older_than(profile: Profile, seconds: float) -> Profile:
    """Return a profile of the live blocks and mappings in the bands from ``beginning(seconds)`` up, and nothing else. A
    comment records that age.
    """
    first = beginning(seconds)
    held = profile.with_types([one for one in profile.sample_types if one in HELD], INUSE_SPACE.type)
    samples = [sample for sample in held.samples if _is_from(age_of(sample), first)]
    return replace(held, samples=samples).with_notes({OLDER_THAN: str(first)})


def _is_from(age: int | None, first: int) -> bool:
    return age is not None and age >= first


def beginning(seconds: float) -> int:
    """Return the beginning of the band that contains ``seconds``."""
    return BANDS[max(bisect_right(BANDS, seconds) - 1, 0)]


def age_text(seconds: int | None) -> str:
    """Format the band that begins at ``seconds``: "<1 s", ">10 min"; "" for None."""
    if seconds is None:
        return ""
    return f">{span_text(seconds)}" if seconds else f"<{BANDS[1]} s"


def span_text(seconds: int) -> str:
    """Format the beginning of a band in the largest unit that gives a whole number."""
    name, size = next(unit for unit in _UNITS if (seconds % unit[1] == 0 and seconds >= unit[1]) or unit[1] == 1)
    return f"{seconds // size} {name}"


def seconds_of(text: str) -> float:
    """Parse an age as people type it: ``90``, ``30s``, ``10m``, ``2h``, ``7d``. ValueError: it is not an age."""
    text = text.strip().lower()
    digits = text.rstrip("smindh ")
    unit = text[len(digits) :].strip() or "s"
    value = float(digits)
    if unit not in _UNIT_OF or not 0 <= value < 1e9:
        raise ValueError(f"{text!r} is not an age")
    return value * _UNIT_OF[unit]
