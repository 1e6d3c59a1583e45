"""Python's names of threads, keyed by the kernel's id, and the addresses at the ends of their stacks.

    threading's table of running threads ──┬─► addresses at the ends of their stacks
    Thread objects that still exist ───────┴─► {kernel's id: name}

No lock is taken. ``threading.enumerate()`` takes a lock, which may be held forever in a signal handler or a forked
child. Nothing is imported, since a program that has not imported threading has only its main thread.
"""

from __future__ import annotations

import os
import sys

from spprof import _engine
from spprof.supported import is_macos

_ID_BITS = (1 << 32) - 1
"""The engine keeps 32 bits of a thread's id. macOS counts threads since boot in 64 bits; Linux needs at most 32."""


def python_names() -> dict[int, str]:
    """Return the names that are known now, including those of ended threads whose Thread object still exists in the
    program.
    """
    threading = sys.modules.get("threading")
    names: dict[int, str] = {}
    for thread in [*_ended_too(threading), *_running(threading)]:
        native_id = getattr(thread, "native_id", None)
        if native_id:
            names[native_id & _ID_BITS] = str(getattr(thread, "name", ""))
    main = getattr(threading, "_main_thread", None)
    names[main_id()] = str(getattr(main, "name", "MainThread"))
    return names


def _ended_too(threading: object) -> list[object]:
    """Return every Thread object that is alive, started or not."""
    for _ in range(3):
        try:
            return list(getattr(threading, "_dangling", ()))
        except RuntimeError:  # another thread began or ended in the meantime
            continue
    return []


def _running(threading: object) -> list[object]:
    return list(getattr(threading, "_active", {}).values())


def addresses() -> list[int]:
    """Return ``pthread_self()`` of each running thread that Python knows about, ascending. It is an address at the end
    of the thread's stack.
    """
    found = [getattr(thread, "ident", None) for thread in _running(sys.modules.get("threading"))]
    return sorted(ident for ident in found if isinstance(ident, int))


def ids() -> set[int]:
    """Return the kernel's ids of all threads of the process; empty if they cannot be listed, as without /proc."""
    return set(_engine.thread_ids())


def main_id() -> int:
    """Return the kernel's id of the main thread: the process's on Linux; on macOS, which numbers all threads in the
    order in which they start, the lowest of the process; 0 if unknown.
    """
    return min(ids(), default=0) if is_macos() else os.getpid()
