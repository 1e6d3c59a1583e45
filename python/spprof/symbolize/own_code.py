"""Which part of a stack is the profiler's own Python code, rather than the program's.

    leaf ◄──────────────────────────── root
    json.dumps ─ speedscope.write ─ save ─ app        ours: the innermost frame outside the standard library is ours
    on_signal ─ json.dumps ─ write ─ save ─ app       the program's: its handler, __del__, import hook, __repr__
    compile ─ bootstrap._code ─ bootstrap.main        the program's: we call it there
    load ─ json.loads ─ app                           the program's

What the standard library does on our behalf is ours, including its imports. Only Python frames decide; native frames
belong to their caller.
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
"""The owner of a Python frame: the package; the package where it calls the program, so that everything beneath is the
program's; the standard library, which belongs to its caller; the program.
"""


def _folder_of_code(file: str, levels: int) -> str:
    for _ in range(levels):
        file = os.path.dirname(file)
    return file


# From the code object, as stacks name it: in a frozen program that path differs from the module's.
PACKAGE = _folder_of_code(_folder_of_code.__code__.co_filename, 2)
BOOTSTRAP = os.path.join(PACKAGE, "cli", "bootstrap.py")
_CALLERS = (BOOTSTRAP, os.path.join(PACKAGE, "cpu_time", "decorator.py"))

OWN = Frame("<spprof>", PACKAGE, 0, 0, True)
"""Stands for what the profiler did itself."""

_LIBRARY = os.path.join(os.path.dirname(getattr(os, "__file__", "no library/os.py")), "")
_INSTALLED = tuple(os.path.join(_LIBRARY, name) + os.sep for name in ("site-packages", "dist-packages"))
_MODULES: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
_GENERATED = ("__init__", "__new__", "__eq__", "__hash__", "__create_fn__", "<lambda>", "<module>")
"""Functions that dataclasses and named tuples compile from a text."""

_owner_of_code: dict[bytes, int] = {}
"""By the engine's number of a code object, which never comes to mean another one."""


def owner_of(function: str, file: str) -> int:
    """Return the owner of a Python frame."""
    if file.startswith(PACKAGE + os.sep):
        return CALLER if file in _CALLERS else OURS
    return LIBRARY if _is_library(function, file) else PROGRAM


def is_own(words: bytes) -> bool:
    """Return whether a stack is ours, by its words as the engine packs them."""
    for last in range(7, len(words), 8):  # the upper half has the code; allocates little: it may be sampled
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
    """Return the index of our outermost frame before the first of the program's; -1: the stack is the program's."""
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
