"""Wraps meson-python, and fails if spprof cannot profile this Python.

pip then shows only the message, instead of showing it below twenty lines of meson's output.
"""

from __future__ import annotations

import sys

if "t" in getattr(sys, "abiflags", ""):
    version = "{}.{}".format(*sys.version_info[:2])
    sys.exit(f"spprof cannot profile a free-threaded Python: use a Python {version} with the GIL")

from mesonpy import (  # type: ignore[import-untyped]
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]
