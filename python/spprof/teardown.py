"""Detects that the interpreter is shutting down: its modules lose their contents, one after the other.

A generator, coroutine or asynchronous generator that is still suspended when the program ends is closed only during
this phase, and so are the blocks inside it. By that time, the profilers' exit handlers have stopped them.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def is_torn_down(system: ModuleType = sys) -> bool:
    """Return whether exit handlers have run and modules are being cleared. ``is_finalizing`` reports it only in the
    main interpreter; ``meta_path`` is the first thing that every interpreter loses. ``system`` is a default argument
    because global names are cleared, too.
    """
    return system.is_finalizing() or system.meta_path is None
