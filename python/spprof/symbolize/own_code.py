"""Determines which part of a stack is the profiler's own Python code rather than the program's.

    leaf ◄──────────────────────────── root
    json.dumps ─ speedscope.write ─ save ─ app        ours: the innermost frame outside the standard library is ours
    on_signal ─ json.dumps ─ write ─ save ─ app       the program's: its handler, __del__, import hook, __repr__
    compile ─ bootstrap._code ─ bootstrap.main        the program's: we call it there
    load ─ json.loads ─ app                           the program's

Frames of the standard library that run on our behalf are ours, including its imports. Only Python frames decide. Native
frames belong to their caller.
"""

from __future__ import annotations

import os
import sys

from spprof import _engine
from spprof.results import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OURS, CALLER, LIBRARY, PROGRAM = range(4)
"""The owner of a Python frame: the package; the package at a point where it calls the program, so that everything
beneath belongs to the program; the standard library, whose frames belong to its caller; or the program.
"""


def _folder_of_code(file: str, levels: int) -> str:
    for _ in range(levels):
        file = os.path.dirname(file)
    return file


# Taken from the code object, as in stacks: in a frozen program that path differs from the module's.
PACKAGE = _folder_of_code(_folder_of_code.__code__.co_filename, 2)
BOOTSTRAP = os.path.join(PACKAGE, "cli", "bootstrap.py")
_CALLERS = (BOOTSTRAP, os.path.join(PACKAGE, "cpu_time", "decorator.py"))

OWN = Frame("<spprof>", PACKAGE, 0, 0, True)
"""Stands for the profiler's own work."""

_LIBRARY = os.path.join(os.path.dirname(getattr(os, "__file__", "no library/os.py")), "")
_INSTALLED = tuple(os.path.join(_LIBRARY, name) + os.sep for name in ("site-packages", "dist-packages"))
_MODULES: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
_GENERATED = ("__init__", "__new__", "__eq__", "__hash__", "__create_fn__", "<lambda>", "<module>")
"""Functions that dataclasses and named tuples compile from source text."""

_owner_of_code: dict[bytes, int] = {}
"""The owner of each code object, keyed by the engine's number of the code object, which is never reused."""


def owner_of(function: str, file: str) -> int:
    """Return the owner of a Python frame."""
    if file.startswith(PACKAGE + os.sep):
        return CALLER if file in _CALLERS else OURS
    return LIBRARY if _is_library(function, file) else PROGRAM


def is_own(words: bytes) -> bool:
    """Return whether a stack is ours, judging by its words in the engine's packed form."""
    for last in range(7, len(words), 8):  # the upper half is the code; this allocates little, since it may be sampled
        if words[last] < 128:  # native
            continue
        code = words[last - 3 : last + 1]
        owner = _owner_of_code.get(code)
        if owner is None:
            word = int.from_bytes(words[last - 7 : last + 1], "little")
            owner = _owner_of_code[code] = owner_of(*_engine.code(word)[:2])
        if owner != LIBRARY:
            return owner == OURS
    return False


def with_own_as_one(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Return the stack with ``OWN`` in place of our frames at its leaf; the stack itself if it is the program's."""
    last = _last_own(frames)
    return frames if last < 0 else (OWN, *frames[last + 1 :])


def _last_own(frames: Sequence[Frame]) -> int:
    """Return the index of our outermost frame that comes before the program's first frame; -1: the stack is the
    program's.
    """
    last = -1
    for index, frame in enumerate(frames):
        if not frame.is_python:
            continue
        owner = owner_of(frame.function, frame.file)
        if owner == OURS:
            last = index
        elif owner != LIBRARY:
            break
    return last


def _is_library(function: str, file: str) -> bool:
    if file.startswith("<frozen "):
        return True
    if file == "<string>":
        return function.rpartition(".")[2] in _GENERATED
    if os.path.isabs(file):
        return file.startswith(_LIBRARY) and not file.startswith(_INSTALLED)
    return file.partition(os.sep)[0].partition(".")[0] in _MODULES  # a frozen program's file
