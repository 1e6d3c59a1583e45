"""A heap profile in the text format of Go's ``?debug=1``, which ``go tool pprof`` also reads.

    heap profile: 3: 4096 [10: 40960] @ heapprofile      in use: objects and bytes, [allocated: both]
    1: 1024 [4: 4096] @ 0x7f3a10002f41 0x1000012ab34cd   the same for one stack, leaf first
    #	0x7f3a10002f41	inflate	/usr/lib/libz.so:0
    #	0x1000012ab34cd	load	/app/module.py:12

The values are already estimates. The word ``heapprofile`` tells readers not to scale them. Interpreted code has no
address. It is given one outside any process's address space, and a line has the same address as long as the process
lives.
"""

from __future__ import annotations

from spprof.pprof.profile import HEAP_TYPES
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from spprof.pprof.profile import Location, Profile

_NO_PROCESS: Final = 1 << 48
"""Above all user-space addresses."""
_HASH_MASK: Final = (1 << 47) - 1


def written(profile: Profile) -> bytes:
    """Return the text. The stack that holds the most comes first."""
    places = [profile.sample_types.index(one) for one in HEAP_TYPES]
    sums: dict[tuple[int, ...], list[int]] = {}
    for sample in profile.samples:
        values = sums.setdefault(sample.stack, [0, 0, 0, 0])
        for index, place in enumerate(places):
            values[index] += sample.values[place]
    rows = [(stack, _with_objects(values)) for stack, values in sums.items() if any(values)]
    rows.sort(key=lambda row: (-row[1][3], -row[1][1]))
    totals = [sum(values[index] for _, values in rows) for index in range(len(HEAP_TYPES))]
    addresses = _addresses(profile.locations)
    lines = [f"heap profile: {_columns(totals)} @ heapprofile"]
    for stack, values in rows:
        lines.append(f"{_columns(values)} @{''.join(f' {addresses[index]:#x}' for index in stack)}")
        lines += [line for index in stack for line in _frames(addresses[index], profile.locations[index])]
        lines.append("")
    return "\n".join([*lines, ""]).encode("utf-8", "backslashreplace")


def _with_objects(values: list[int]) -> list[int]:
    """Return at least one object for bytes: readers reject bytes without objects, which rounding may produce."""
    objects, space, live_objects, live_space = values
    return [objects or int(space > 0), space, live_objects or int(live_space > 0), live_space]


def _columns(values: list[int]) -> str:
    allocated_objects, allocated, objects, space = values
    return f"{objects}: {space} [{allocated_objects}: {allocated}]"


def _addresses(locations: list[Location]) -> list[int]:
    """Return an address for each location, plus 1: readers subtract 1 to get inside the call."""
    used: set[int] = set()
    found = []
    for location in locations:
        address = (location.address or _made_up(location)) + 1
        while address in used:
            address += 1
        used.add(address)
        found.append(address)
    return found


def _made_up(location: Location) -> int:
    names = tuple((frame.function, frame.file, frame.line) for frame in location.frames)
    return _NO_PROCESS | (hash(names) & _HASH_MASK)


def _frames(address: int, location: Location) -> list[str]:
    return [
        f"#\t{address:#x}\t{visible(frame.function)}\t{visible(frame.file)}:{frame.line}" for frame in location.frames
    ]
