"""How long ago blocks were allocated: in bands, so that equal stacks of a file still add up.

    now - time of a sample ─► band ─► label "age" of a file: the least age in the band, in seconds
                                  ─► Ages: bytes by band ─► the oldest, the median
    --older-than AGE ─► the bands from it on ─► a profile of those blocks alone

Bands begin at ages that people name: 1, 2, 5, 10, 30 seconds, and so on to years.
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
"""Where each band begins, in seconds; it ends where the next one begins."""

HELD: Final = (INUSE_SPACE, INUSE_OBJECTS, *MAPPED_TYPES, RESIDENT_SPACE)
"""What is held now, of which there are ages."""

OLDER_THAN: Final = "older_than"
"""Key of the comment that tells the least age, in seconds, of all that a profile has; files have no such comment."""

_UNITS = (("d", _DAY), ("h", _HOUR), ("min", _MINUTE), ("s", 1))
_UNIT_OF = {"s": 1, "m": _MINUTE, "min": _MINUTE, "h": _HOUR, "d": _DAY}


def limits(now_ns: int) -> list[int]:
    """For each band the first time at which a block must have been allocated to be younger, in ns, ascending: see
    ``band_of``."""
    return [now_ns - band * 10**9 for band in reversed(BANDS[1:])]


def band_of(time_ns: int, of_now: list[int]) -> int:
    """The least age, in seconds, of the band of a block that was allocated at ``time_ns``. ``of_now``: ``limits``."""
    return BANDS[len(of_now) - bisect_right(of_now, time_ns - 1)]


class Ages:
    """What is held, by age."""

    __slots__ = ("by_band",)

    def __init__(self) -> None:
        self.by_band: dict[int, int] = {}
        """Least age in seconds: bytes."""

    def add(self, band: int, value: int) -> None:
        """Add so many bytes of that band."""
        self.by_band[band] = self.by_band.get(band, 0) + value

    @property
    def oldest(self) -> int | None:
        """The least age of the oldest band that holds anything, in seconds; None: nothing is held."""
        return max((band for band, value in self.by_band.items() if value > 0), default=None)

    @property
    def median(self) -> int | None:
        """The least age of the band in which the median byte is, in seconds; None: nothing is held."""
        whole, so_far = sum(self.by_band.values()), 0
        for band in sorted(self.by_band):
            so_far += self.by_band[band]
            if 2 * so_far >= whole > 0:
                return band
        return None


def age_of(sample: Sample) -> int | None:
    """The least age of a sample's band, in seconds; None: it has none, as what was freed, and other tools' files."""
    return next((label.number for label in sample.labels if label.key == AGE and label.text is None), None)


def tells_ages(profile: Profile) -> bool:
    """Whether the samples of what is live have ages."""
    return INUSE_SPACE in profile.sample_types and any(age_of(sample) is not None for sample in profile.samples)


def older_than(profile: Profile, seconds: float) -> Profile:
    """What is live of blocks and mappings in the bands from ``beginning(seconds)`` on, and nothing else; a comment
    tells from which age on."""
    first = beginning(seconds)
    held = profile.with_types([one for one in profile.sample_types if one in HELD], INUSE_SPACE.type)
    samples = [sample for sample in held.samples if _is_from(age_of(sample), first)]
    return replace(held, samples=samples).with_notes({OLDER_THAN: str(first)})


def _is_from(age: int | None, first: int) -> bool:
    return age is not None and age >= first


def beginning(seconds: float) -> int:
    """The beginning of the band that ``seconds`` is in."""
    return BANDS[max(bisect_right(BANDS, seconds) - 1, 0)]


def age_text(seconds: int | None) -> str:
    """The band that begins at ``seconds``, for people: "<1 s", ">10 min"; "" for None."""
    if seconds is None:
        return ""
    return f">{span_text(seconds)}" if seconds else f"<{BANDS[1]} s"


def span_text(seconds: int) -> str:
    """The beginning of a band, in the largest unit of which it is a whole number."""
    name, size = next(unit for unit in _UNITS if (seconds % unit[1] == 0 and seconds >= unit[1]) or unit[1] == 1)
    return f"{seconds // size} {name}"


def seconds_of(text: str) -> float:
    """An age as people type it: ``90``, ``30s``, ``10m``, ``2h``, ``7d``. ValueError: it is none."""
    text = text.strip().lower()
    digits = text.rstrip("smindh ")
    unit = text[len(digits) :].strip() or "s"
    value = float(digits)
    if unit not in _UNIT_OF or not 0 <= value < 1e9:
        raise ValueError(f"{text!r} is no age")
    return value * _UNIT_OF[unit]
