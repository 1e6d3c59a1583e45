"""Refuses a Python that this package cannot profile, before the extension is loaded: on a free-threaded one that alone
would switch the GIL on.

The extension itself compares the interpreter's data layout with the one that it was built for.
"""

from __future__ import annotations

import sys

if "t" in getattr(sys, "abiflags", ""):
    raise ImportError(
        "spprof cannot profile a free-threaded Python: use a Python {}.{} with the GIL".format(*sys.version_info[:2])
    )

try:
    from spprof import _engine  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "spprof._engine":
        raise
    raise ImportError(
        "this spprof was built for another Python than {}.{}: install it with this one: {} -m pip install "
        "--force-reinstall spprof".format(*sys.version_info[:2], sys.executable)
    ) from None
