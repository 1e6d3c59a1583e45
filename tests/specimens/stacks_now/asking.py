"""Shared by the programs in this folder: a C thread that requests all threads' stacks, and a call that gets stuck."""

from __future__ import annotations

import ctypes
import os

from spprof import _engine

_C = ctypes.CDLL(os.environ["ASKER"])
_WITH_GIL = ctypes.PyDLL(os.environ["ASKER"])
_EXTENSION = ctypes.CDLL(_engine.__file__)


def begin(until: str, function: str = "sp_stacks_text") -> None:
    """Once ``stuck`` or ``sign`` is called, print the first answer that contains ``until``, and end the program."""
    _C.begin_asker(ctypes.cast(getattr(_EXTENSION, function), ctypes.c_void_p), os.fsencode(until))


def sign() -> None:
    """Signal that the program is about to be stuck."""
    _C.give_sign()


def stuck() -> None:
    """Hold the GIL forever."""
    _WITH_GIL.get_stuck()


def begin_small_thread() -> None:
    """Start a thread whose stack has no room for a signal."""
    _C.begin_small_thread()
