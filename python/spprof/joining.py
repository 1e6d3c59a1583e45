"""Starts and stops of a program that is profiled already, by ``spprof run`` or by SPPROF in its environment.

    memprof.start()  ─► joins the profile that is running, with one warning
    memprof.stop()   ─► leaves it running; what a snapshot or a profile shows is there all the same

A block of ``MemoryProfiler`` or ``Profiler`` and a decorated function show what they did themselves, as ever.
"""

from __future__ import annotations

from _thread import get_ident

from spprof import _engine
from spprof.warn_once import warn_once

HEAP, CPU = "heap", "CPU time"

PASSING = "passing CPU profile"
"""Where the interpreter keeps the CPU profile that somebody outside the program has asked for, while it is running."""


def begins(kind: str) -> None:
    """A recorder has begun the profile of a kind, which the program's own starts join from now on."""
    _engine.kept()[_key(kind)] = True


def ends(kind: str) -> bool:
    """The recorder's profile is over: the program's next start is its own. False: it was over before."""
    return _engine.kept().pop(_key(kind), None) is not None


def is_joined(kind: str) -> bool:
    """Whether a recorder's profile of that kind is running."""
    return _key(kind) in _engine.kept()


def joins(kind: str, call: str) -> bool:
    """The same, for who is about to start one: says so once in a process, to the program that called us.

    ``call``: what it called.
    """
    if not is_joined(kind):
        return False
    warn_once(
        "said that it joins",
        f"the {kind} of this program is profiled already (spprof run, or SPPROF in its environment): {call} joins that "
        "profile, with its settings, and stop() leaves it running",
    )
    return True


def may_begin_block(kind: str) -> bool:
    """Whether there is a recorder's profile, and no block shows its part of it already."""
    return is_joined(kind) and _block(kind) not in _engine.kept()


def begins_block(kind: str) -> bool:
    """A block shows its part of the recorder's profile. False: there is none, or another block does so already, and
    they do not nest."""
    own = [get_ident()]
    return is_joined(kind) and _engine.kept().setdefault(_block(kind), own) is own


def ends_block(kind: str) -> None:
    """It is over."""
    _engine.kept().pop(_block(kind), None)


def is_passing() -> bool:
    """Whether the CPU profile that is running is none of the program's: it ends where the program begins one."""
    return PASSING in _engine.kept()


def forked() -> None:
    """In a child: blocks that other threads were in do not end here."""
    for kind in (HEAP, CPU):
        if _engine.kept().get(_block(kind), [get_ident()]) != [get_ident()]:
            ends_block(kind)


def _block(kind: str) -> str:
    return f"block of {_key(kind)}"


def _key(kind: str) -> str:
    return f"recorder's {kind}"
