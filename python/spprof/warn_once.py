"""Warnings that a process gives once, at the line of the program that called us."""

from __future__ import annotations

import sys
import warnings

from spprof import _engine


def warn_once(key: str, words: str) -> None:
    """Give the RuntimeWarning, unless one with the same key was given before.

    If a filter turns warnings into errors, give no warning: the program must continue.
    """
    first = object()
    if _engine.kept().setdefault(key, first) is not first:
        return
    try:  # noqa: SIM105  # contextlib imports a good deal
        warnings.warn(words, RuntimeWarning, _our_depth())
    except Exception:
        pass


def _our_depth() -> int:
    """Return the number of this package's functions on the call stack, as the caller's ``stacklevel`` counts them."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("spprof."):
        depth, frame = depth + 1, frame.f_back
    return depth
