"""Which processes exist, where they are executing, and when they end, according to the kernel."""

from __future__ import annotations

import glob
import os
import selectors
import shutil
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

PARENT, SESSION = 1, 3
"""The indices of fields in /proc/PID/stat, counted from the state."""


def children() -> list[int]:
    """Return the children of this process."""
    return find(PARENT, os.getpid())


def of_session(leader: int) -> list[int]:
    return find(SESSION, leader)


def find(place: int, value: int) -> list[int]:
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with suppress(OSError):
            status = Path(path).read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            if int(status[place]) == value and status[0] != "Z":
                found.append(int(path.split("/")[2]))
    return found


def one_ends(pids: list[int], seconds: float) -> bool:
    """Wait until one of the processes has ended. Return False if none ends in time."""
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return True
            opened.callback(os.close, descriptor)
            selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(max(seconds, 0)))


def describe_stacks(pids: list[int]) -> str:
    """Describe where each thread of each process is executing, according to the kernel and, if available, gdb."""
    parts = []
    for pid in pids:
        parts.append(f"---- process {pid}")
        for task in sorted(glob.glob(f"/proc/{pid}/task/*")):
            words = [task.rsplit("/", 1)[1]]
            for name in ("comm", "wchan", "syscall", "stack"):
                with suppress(OSError):
                    words.append(f"{name}: {Path(task, name).read_text().strip()}")
            parts.append("  ".join(words))
        if shutil.which("gdb"):
            command = ["gdb", "-batch", "-p", str(pid), "-ex", "thread apply all bt 30"]
            shown = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
            parts.append(shown.stdout[-20_000:])
    return "\n".join(parts)
