"""When a trigger takes a snapshot: sizes that are polled.

                    next mark, when one is reached              polled
    ResidentSize    1 GiB, 2 GiB, 4 GiB, …                      the process's RSS
    GroupUse        80 %, 90 %, 95 % … of the limit             the control group's use, without cached files

Sizes are polled because the kernel does not notify a process about its own RSS. The time between polls is the time in
which a process can fill the memory below the next mark at _BYTES_A_SECOND, about the fastest rate possible. It doubles
after each poll at which the size had not changed. The size of an idle program is polled every WAIT_MOST seconds.
"""

from __future__ import annotations

from time import monotonic

from spprof.pprof import trigger_names
from spprof.process import numbers
from spprof.text import human_bytes, share_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from spprof.process.control_group import ControlGroup

_BYTES_A_SECOND: Final = 2 << 30
WAIT_LEAST, WAIT_MOST = 0.05, 2.0
_MOVED_PART: Final = 64
"""Changes by less than this fraction of the remaining distance are ignored."""
_ROOM_BYTES: Final = 64 << 20
"""Minimum distance between a control group's last mark and its limit: a snapshot needs some memory itself."""
_CLOSE_PERCENT: Final = 90.0
_AGAIN_SECONDS: Final = 60.0
_MARKS_MOST: Final = 60


class Pace:
    """How long to wait until the next poll of a size."""

    def __init__(self) -> None:
        self._left = 0
        self._calm = 0
        """Number of consecutive polls without a change."""

    def wait(self, left: int) -> float:
        """Return the seconds to wait if ``left`` bytes remain until the next mark."""
        has_moved = abs(left - self._left) > left // _MOVED_PART
        self._calm = 0 if has_moved else self._calm + 1
        self._left = left
        return min(max(left / _BYTES_A_SECOND, WAIT_LEAST) * (1 << min(self._calm, 10)), WAIT_MOST)


class Size:
    """A size that grows, and the marks at which a snapshot is taken."""

    kind: str
    """The kind, as it appears in the names of its files."""

    def __init__(self) -> None:
        self.pace = Pace()

    def look(self) -> tuple[str, int]:
        """Return a description of what has been reached since the last poll ("" for nothing), and the bytes left until
        the next mark.
        """
        raise NotImplementedError


class ResidentSize(Size):
    """The process's RSS. Each mark is twice the previous one and is reached only once."""

    kind = trigger_names.RSS

    def __init__(self, first: int) -> None:
        super().__init__()
        self._next = first

    def look(self) -> tuple[str, int]:
        size, reached = numbers.resident(), 0
        while size >= self._next:
            reached = self._next
            self._next *= 2
        return f"RSS reached {human_bytes(reached)}" if reached else "", self._next - size


class GroupUse(Size):
    """A control group's use. Each mark halves the distance to the limit, as long as there is room for a snapshot. All
    marks apply again once the use has fallen below three quarters of the first mark, but no sooner than a minute later.
    """

    def __init__(self, group: ControlGroup, percent: float, kind: str = trigger_names.CGROUP) -> None:
        super().__init__()
        self.kind = kind
        self._group = group
        self._percent = percent
        self._marks = 0
        """Number of marks reached."""
        self._latest = -_AGAIN_SECONDS

    def look(self) -> tuple[str, int]:
        limit, used = self._group.limit, self._group.used
        if limit is None:
            return "", _BYTES_A_SECOND * int(WAIT_MOST)
        if self._marks and used < self._mark(limit, 0) * 3 // 4 and monotonic() >= self._latest + _AGAIN_SECONDS:
            self._marks = 0
        mark = self._mark(limit, self._marks)
        if used < mark:
            return "", mark - used
        needed = self._group.needed
        if needed < mark:
            return "", mark - needed
        while self._marks < _MARKS_MOST and self._mark(limit, self._marks) <= needed:
            mark = self._mark(limit, self._marks)
            self._marks += 1
        self._latest = monotonic()
        told = f"the control group reached {share_text(mark, limit)} of its limit of {human_bytes(limit)}"
        return told, max(self._mark(limit, self._marks) - needed, 0)

    def _mark(self, limit: int, number: int) -> int:
        """Return a mark by its number. If there is no room for it, return a mark beyond the limit. The first mark
        always exists.
        """
        mark = limit - int(limit * (100 - self._percent) / 100 / 2**number)
        return mark if number == 0 or mark <= limit - _ROOM_BYTES else 2 * limit


def close_to_limit(group: ControlGroup) -> GroupUse:
    """Return a condition to accompany another size, because the kernel may kill the process before that size's next
    mark.
    """
    limit = group.limit or 1
    percent = min(_CLOSE_PERCENT, 100 * max(limit - _ROOM_BYTES, limit // 2) / limit)
    return GroupUse(group, percent, ResidentSize.kind)
