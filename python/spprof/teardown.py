"""Whether the interpreter is being taken down: its modules lose what they hold, one after the other.

A generator, coroutine or asynchronous generator that is suspended when the program ends is closed only then, and with
it the blocks that it is in. The profilers have ended before, in their exit handlers.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def is_torn_down(system: ModuleType = sys) -> bool:
    """Return whether exit handlers have run and modules go. ``is_finalizing`` tells it of the main interpreter alone;
    ``meta_path`` is the first thing that every interpreter loses. ``system``: kept here, since names go, too."""
    return system.is_finalizing() or system.meta_path is None
