"""The control group whose memory limit applies to the process: its own, or the nearest ancestor that has one.

    /proc/self/cgroup ─► 0::/a/b (v2) or memory:/a/b (v1) ─► /a/b has no limit ─► /a has 2 GiB: that one

In a container, the path may be the one on the host, where nothing is mounted. The mounted folder is then the group.
"""

from __future__ import annotations

import os

from spprof.process.numbers import lines_of, number_in
from spprof.records import NamedTuple
from spprof.supported import is_macos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "/sys/fs/cgroup"
_NO_LIMIT_TOLD = (
    "no control group of this process has a memory limit; set one (docker run --memory, systemd-run -p MemoryMax=), "
    "or use a size (when_rss) instead"
)
_NO_GROUPS_TOLD = "macOS has no control groups; use a size instead"
_NO_LIMIT = 1 << 60
"""Version 1 reports a larger number if there is no limit."""


class ControlGroup(NamedTuple):
    """A group that has a limit."""

    folder: str
    used_file: str
    limit_file: str
    cache: str
    """Name in memory.stat of cached file pages that were not used recently."""

    @property
    def limit(self) -> int | None:
        """The limit in bytes; None: there is none, or the group is gone."""
        limit = number_in(f"{self.folder}/{self.limit_file}")
        return limit if limit and limit < _NO_LIMIT else None

    @property
    def used(self) -> int:
        """Bytes used as the kernel counts them, including file pages; 0: unknown."""
        return number_in(f"{self.folder}/{self.used_file}") or 0

    @property
    def needed(self) -> int:
        """Bytes used, excluding pages that the kernel reclaims before it kills a process. Kubernetes counts in the same
        way.
        """
        for line in lines_of(f"{self.folder}/memory.stat"):
            name, _, value = line.partition(" ")
            if name == self.cache:
                return max(self.used - int(value), 0)
        return self.used


def no_limit_told() -> str:
    """Return why no limit is known, with the remedy."""
    return _NO_GROUPS_TOLD if is_macos() else _NO_LIMIT_TOLD


def limiting_group(root: str = ROOT, said: str = "/proc/self/cgroup") -> ControlGroup | None:
    """Return the group; None: no limit is known."""
    for group in _groups(root, said):
        if group.limit is not None:
            return group
    return None


def _groups(root: str, said: str) -> Iterator[ControlGroup]:
    """Yield the process's own group and its ancestors, in each hierarchy that may limit memory."""
    for line in lines_of(said):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            top, names = f"{root}/memory", ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file")
        elif number == "0":
            top, names = root, ("memory.current", "memory.max", "inactive_file")
        else:
            continue
        here = path.strip("/")
        while here and not os.path.isdir(f"{top}/{here}"):
            here = os.path.dirname(here)
        while True:
            yield ControlGroup(f"{top}/{here}".rstrip("/"), *names)
            if not here:
                break
            here = os.path.dirname(here)
