"""What the kernel tells of the process in numbers: its status, its control group."""

from __future__ import annotations

import os
import time

from spprof.records import suppress
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def status() -> dict[str, int]:
    """What the kernel tells of the process in numbers: sizes in bytes; nothing where it cannot be read."""
    found: dict[str, int] = {}
    for line in lines_of("/proc/self/status"):
        key, _, value = line.partition(":")
        if key in _NUMBERS:
            found[key] = int(value.split()[0]) * (1024 if value.endswith("kB") else 1)
    return found


_NUMBERS = ("VmRSS", "VmSwap", "RssAnon", "Threads")


def cgroup() -> tuple[int | None, int | None]:
    """What the control group uses, and its limit, in bytes; None where there is none, or it is not known."""
    for line in lines_of("/proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            folder = "/sys/fs/cgroup" + path
            return number_in(f"{folder}/memory.current"), number_in(f"{folder}/memory.max")
        if "memory" in controllers.split(","):
            folder = "/sys/fs/cgroup/memory" + path
            limit = number_in(f"{folder}/memory.limit_in_bytes")
            return number_in(f"{folder}/memory.usage_in_bytes"), None if limit and limit > 1 << 60 else limit
    return None, None


_PAGE = os.sysconf("SC_PAGESIZE")


def resident() -> int:
    """Bytes in memory (RSS), at the least price; 0: it is not told."""
    for line in lines_of("/proc/self/statm"):
        return int(line.split()[1]) * _PAGE
    return 0


SUMMED_MAX = 256 << 20
"""While the kernel adds the pages of a region up, everyone who maps memory waits, for 10 ms a GiB and longer. So such
sums are asked for only where no region has more than this in memory."""


def pss() -> int | None:
    """Memory of the process, that which others share in parts, in bytes; None: it is not told."""
    for line in lines_of("/proc/self/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None


def memory_notes() -> dict[str, str]:
    """What the process has in memory, as far as that is known at a small price: comments of a profile."""
    told, (used, limit) = status(), cgroup()
    rss = told.get("VmRSS")
    sizes = {
        "rss": rss,
        "pss": pss() if rss is not None and rss <= SUMMED_MAX else None,
        "swap": told.get("VmSwap"),
        "cgroup": used,
        "cgroup_limit": limit,
    }
    return {name: str(size) for name, size in sizes.items() if size is not None}


def number_in(path: str) -> int | None:
    """The number that a file of the kernel's holds; None: it holds none, or cannot be read."""
    return whole_number("".join(lines_of(path)))


def lines_of(path: str) -> Iterable[str]:
    """Of a file of the kernel's; none where it cannot be read. No codec is looked up: that may need an import."""
    with suppress(OSError), open(path, "rb") as file:
        for line in file:
            yield line.decode("utf-8", "surrogateescape").rstrip("\n")


_STARTED = 19
"""Which field behind the name in a process's stat is its start, in clock ticks since the boot. proc(5)."""


def started_ns() -> int:
    """When the process began, in ns of the wall clock since the epoch; now, where it is not told."""
    now = time.time_ns()
    for line in lines_of("/proc/self/stat"):
        fields = line.rpartition(") ")[2].split()
        since_boot = int(fields[_STARTED]) * 10**9 // os.sysconf("SC_CLK_TCK")
        return now - max(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - since_boot, 0)
    return now
