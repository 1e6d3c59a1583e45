"""Starts and stops in a program that is already being profiled, by ``spprof run`` or by SPPROF in its environment.

    memprof.start()  ─► joins the running profile, with one warning
    memprof.stop()   ─► leaves it running; snapshots and profiles show their data all the same

``MemoryProfiler`` and ``Profiler`` blocks and decorated functions still show only their own activity.

A recorder is the code that started the profile: ``spprof run``, or the interpreter's startup under SPPROF.
"""

from __future__ import annotations

from _thread import get_ident

from spprof import _engine
from spprof.warn_once import warn_once

HEAP, CPU = "heap", "CPU time"

PASSING = "passing CPU profile"
"""The key under which the interpreter keeps the running CPU profile of a client outside the program."""


def begins(kind: str) -> None:
    """Note that a recorder has started a profile. From now on, the program's own starts join it."""
    _engine.kept()[_key(kind)] = True


def ends(kind: str) -> bool:
    """Note that the recorder's profile is over, so that the program's next start begins its own. Return False if it was
    already over.
    """
    return _engine.kept().pop(_key(kind), None) is not None


def is_joined(kind: str) -> bool:
    """Return whether a recorder's profile of that kind is running."""
    return _key(kind) in _engine.kept()


def joins(kind: str, call: str) -> bool:
    """Like ``is_joined``, but for a caller that is about to start a profile. If true, warn the calling program once per
    process.

    ``call``: the function that the program called.
    """
    if not is_joined(kind):
        return False
    warn_once(
        "reported that it joins",
        f"this program's {kind} is already being profiled (by spprof run, or SPPROF in its environment): {call} joins "
        "that profile with its settings, and stop() leaves it running",
    )
    return True


def may_begin_block(kind: str) -> bool:
    """Return whether a recorder's profile is running and no block is showing a part of it."""
    return is_joined(kind) and _block(kind) not in _engine.kept()


def begins_block(kind: str) -> bool:
    """Begin a block that shows its part of the recorder's profile. Return False if there is no such profile, or if
    another block already does so: blocks do not nest.
    """
    own = [get_ident()]
    return is_joined(kind) and _engine.kept().setdefault(_block(kind), own) is own


def ends_block(kind: str) -> None:
    """End the block."""
    _engine.kept().pop(_block(kind), None)


def is_passing() -> bool:
    """Return whether the running CPU profile is not the program's: it ends if the program starts one."""
    return PASSING in _engine.kept()


def forked() -> None:
    """In a forked child, end the blocks of other threads, which do not exist here."""
    for kind in (HEAP, CPU):
        if _engine.kept().get(_block(kind), [get_ident()]) != [get_ident()]:
            ends_block(kind)


def _block(kind: str) -> str:
    return f"block of {_key(kind)}"


def _key(kind: str) -> str:
    return f"recorder's {kind}"
