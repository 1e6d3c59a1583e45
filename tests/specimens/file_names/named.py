"""Threads whose name only the kernel knows."""

from __future__ import annotations

import _thread
import ctypes
import time

PR_SET_NAME = 15
_prctl = ctypes.CDLL(None).prctl


def run(name: bytes) -> None:
    """Start a thread that uses half a second of CPU time and then waits forever."""
    done, end = _thread.allocate_lock(), _thread.allocate_lock()
    done.acquire()
    end.acquire()
    _thread.start_new_thread(_burn, (name, done, end))
    done.acquire()


def _burn(name: bytes, done: _thread.LockType, end: _thread.LockType) -> None:
    _prctl(PR_SET_NAME, name, 0, 0, 0)
    while time.thread_time() < 0.5:
        pass
    done.release()
    end.acquire()
