"""The machine on which a figure was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def load_per_core() -> float:
    """Return the load average of the last minute, divided by the number of cores."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def describe() -> str:
    """Describe the machine in one line."""
    libc = " ".join(filter(None, platform.libc_ver()))
    return (
        f"{processor()}, {cores()} cores, Linux {platform.release()}, {libc}, CPython {platform.python_version()}, "
        f"load average {os.getloadavg()[0]:.2f}"
    )
