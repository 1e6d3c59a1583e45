"""What ``SPPROF`` in the environment says: ``off`` keeps every profiler of the process from starting.

It is meant for operators, so programs go on as if they were profiled: starts do nothing, results are empty, and one
warning says why. The variable is read here and nowhere else, at each start: programs may set it for their children.
"""

from __future__ import annotations

import os
import sys
import warnings

from spprof import _engine

VARIABLE = "SPPROF"

IS_OFF = f"{VARIABLE}=off in the environment keeps spprof from starting"


def is_off() -> bool:
    """Whether nothing may start. Other values than ``off``, in any case, mean nothing yet."""
    return os.environ.get(VARIABLE, "").lower() == "off"


def keeps_from_starting() -> bool:
    """The same, for who is about to start: says so once in a process, to the program that called us.

    Where a filter makes errors of warnings nothing is said: the program is to go on.
    """
    if not is_off():
        return False
    said = object()
    if _engine.kept().setdefault("said that it is off", said) is said:
        try:  # noqa: SIM105  # contextlib imports a good deal
            warnings.warn(f"{IS_OFF}: profiles and snapshots are empty", RuntimeWarning, _our_depth())
        except Exception:
            pass
    return True


def _our_depth() -> int:
    """How many functions of this package called each other, as ``stacklevel`` of the caller counts."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("spprof."):
        depth, frame = depth + 1, frame.f_back
    return depth


def notes() -> dict[str, str]:
    """A comment for files that are empty for that reason."""
    return {"switched_off": IS_OFF} if is_off() else {}
