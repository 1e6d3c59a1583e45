"""What the programs of this folder share: a C thread that asks what all threads do, and a call that gets stuck."""

from __future__ import annotations

import ctypes
import os

from spprof import _engine

_C = ctypes.CDLL(os.environ["ASKER"])
_WITH_GIL = ctypes.PyDLL(os.environ["ASKER"])
_EXTENSION = ctypes.CDLL(_engine.__file__)


def begin(until: str, function: str = "sp_stacks_text") -> None:
    """The answer that has ``until`` in it is printed, when ``stuck`` or ``sign`` was called, and the program ends."""
    _C.begin_asker(ctypes.cast(getattr(_EXTENSION, function), ctypes.c_void_p), os.fsencode(until))


def sign() -> None:
    """The program is about to be stuck."""
    _C.give_sign()


def stuck() -> None:
    """Holds the GIL for good."""
    _WITH_GIL.get_stuck()


def begin_small_thread() -> None:
    """A thread whose stack has no room for a signal."""
    _C.begin_small_thread()
