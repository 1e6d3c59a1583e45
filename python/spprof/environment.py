"""What ``SPPROF`` in the environment says: ``off`` keeps every profiler of the process from starting.

It is meant for operators, so programs go on as if they were profiled: starts do nothing, results are empty, and one
warning says why. It is looked at at each start: programs may set the variable for their children. Any other value
starts the profilers with the interpreter (``cli.startup``), and means nothing to later starts.
"""

from __future__ import annotations

import os

from spprof.warn_once import warn_once

VARIABLE = "SPPROF"

IS_OFF = f"{VARIABLE}=off in the environment keeps spprof from starting"


def is_off() -> bool:
    """Whether nothing may start: the value is ``off``, in any case."""
    return os.environ.get(VARIABLE, "").lower() == "off"


def keeps_from_starting() -> bool:
    """The same, for who is about to start: says so once in a process, to the program that called us.

    Where a filter makes errors of warnings nothing is said: the program is to go on.
    """
    if not is_off():
        return False
    warn_once("said that it is off", f"{IS_OFF}: profiles and snapshots are empty")
    return True


def notes() -> dict[str, str]:
    """A comment for files that are empty for that reason."""
    return {"switched_off": IS_OFF} if is_off() else {}
