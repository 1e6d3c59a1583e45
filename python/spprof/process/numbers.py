"""Numbers that the kernel reports about the process: its status and its control group."""

from __future__ import annotations

import os
import time

from spprof import _engine
from spprof.on_demand import IMPORTED_NS
from spprof.records import suppress
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def status() -> dict[str, int]:
    """Return numbers from the process's status, sizes in bytes; empty if it cannot be read."""
    found: dict[str, int] = {}
    for line in lines_of("/proc/self/status"):
        key, _, value = line.partition(":")
        if key in _NUMBERS:
            found[key] = int(value.split()[0]) * (1024 if value.endswith("kB") else 1)
    return found


_NUMBERS = ("VmRSS", "VmSwap", "RssAnon", "Threads")


def cgroup() -> tuple[int | None, int | None]:
    """Return the bytes that the control group uses, and its limit. None: there is no limit, or it is unknown."""
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
    """Return the resident bytes (RSS), as cheaply as possible; 0: unknown."""
    for line in lines_of("/proc/self/statm"):
        return int(line.split()[1]) * _PAGE
    return _engine.resident_bytes()


def rss() -> int:
    """Return the resident bytes (RSS), exact also where the kernel keeps cheap counts that lag behind; 0: unknown."""
    return status().get("VmRSS") or _engine.resident_bytes()


SUMMED_MAX = 256 << 20
"""While the kernel adds up the pages of a region, all threads that map memory wait, for 10 ms or more per GiB. Such
sums are therefore requested only if no region has more than this many bytes in memory.
"""


def pss() -> int | None:
    """Return the process's proportional set size in bytes, in which shared pages count in part; None: unknown."""
    for line in lines_of("/proc/self/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None


def memory_notes() -> dict[str, str]:
    """Return facts about the process's memory, as far as they are cheap to find out, as comments for a profile."""
    told, (used, limit) = status(), cgroup()
    size = told.get("VmRSS") or _engine.resident_bytes() or None
    sizes = {
        "rss": size,
        "pss": pss() if size is not None and size <= SUMMED_MAX else None,
        "swap": told.get("VmSwap"),
        "cgroup": used,
        "cgroup_limit": limit,
    }
    return {name: str(size) for name, size in sizes.items() if size is not None}


def number_in(path: str) -> int | None:
    """Return the number in one of the kernel's files; None: it contains no number, or cannot be read."""
    return whole_number("".join(lines_of(path)))


def lines_of(path: str) -> Iterable[str]:
    """Yield the lines of one of the kernel's files; none if it cannot be read. The file is opened as bytes, since
    looking up a codec may need an import.
    """
    with suppress(OSError), open(path, "rb") as file:
        for line in file:
            yield line.decode("utf-8", "surrogateescape").rstrip("\n")


_STARTED = 19
"""Index of the start time among the fields after the name in a process's stat, in clock ticks since boot. See proc(5).
"""


def started_ns() -> int:
    """Return when the process started, in wall-clock ns since the epoch; if unknown, as on macOS, when spprof was
    imported.
    """
    now = time.time_ns()
    for line in lines_of("/proc/self/stat"):
        fields = line.rpartition(") ")[2].split()
        since_boot = int(fields[_STARTED]) * 10**9 // os.sysconf("SC_CLK_TCK")
        return now - max(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - since_boot, 0)
    return IMPORTED_NS
