"""The ``SPPROF`` environment variable: ``off`` keeps every profiler of the process from starting.

It is meant for operators, so programs continue to work as if they were being profiled: starts do nothing, results are
empty, and one warning says why. Each start reads the variable, because a program may set it in its children's
environment. Any other value makes the interpreter start the profilers (``cli.startup``), and has no effect on later
starts.
"""

from __future__ import annotations

import os

from spprof import supported
from spprof.warn_once import warn_once

VARIABLE = "SPPROF"

IS_OFF = f"{VARIABLE}=off in the environment keeps spprof from starting"


def is_off() -> bool:
    """Return whether starts are disabled: the value is ``off``, in upper or lower case."""
    return os.environ.get(VARIABLE, "").lower() == "off"


def keeps_from_starting() -> bool:
    """Like ``is_off``, but for a caller that is about to start. If true, warn the calling program once per process.

    If a filter turns warnings into errors, give no warning: the program must continue. RuntimeError: nothing may start
    on this system.
    """
    if not is_off():
        supported.check_start()
        return False
    warn_once("reported that it is off", f"{IS_OFF}: profiles and snapshots are empty")
    return True


def notes() -> dict[str, str]:
    """Return the comment for files that are empty because of SPPROF=off."""
    return {"switched_off": IS_OFF} if is_off() else {}
