"""The checks that this package can profile the running Python on this system.

Importing this module refuses a free-threaded Python. It comes before the extension is loaded: loading alone would turn
the GIL on. The extension itself compares the interpreter's data layout with the one that it was built for.

On macOS, everything can be imported and files can be read, but nothing starts unless the user asks for an experiment.
"""

from __future__ import annotations

import os
import sys

if "t" in getattr(sys, "abiflags", ""):
    raise ImportError(
        "spprof cannot profile a free-threaded Python: use a Python {}.{} with the GIL".format(*sys.version_info[:2])
    )

EXPERIMENTS = "SPPROF_EXPERIMENTAL"
"""The environment variable by which users ask for what is not ready yet."""

_MACOS = "macos"
_REFUSAL = (
    "spprof is experimental on macOS and has not been run on a Mac yet, so it starts nothing there; to try it, set "
    f"{EXPERIMENTS}={_MACOS} in the program's environment"
)


def is_macos() -> bool:
    """Return whether this system is macOS."""
    return sys.platform == "darwin"


def refusal() -> str:
    """Return why nothing starts on this system, with the remedy; "": everything starts.

    Each start reads the variable, because a program may set it before it starts a profiler.
    """
    is_refused = is_macos() and os.environ.get(EXPERIMENTS, "").lower() != _MACOS
    return _REFUSAL if is_refused else ""


def check_start() -> None:
    """Check that something may start on this system. RuntimeError: it may not; the message has the remedy."""
    words = refusal()
    if words:
        raise RuntimeError(words)
