"""The check that this package can profile the running Python. It comes before the extension is loaded: on a
free-threaded Python, loading alone would turn the GIL on.

The extension itself compares the interpreter's data layout with the one that it was built for.
"""

from __future__ import annotations

import sys

if "t" in getattr(sys, "abiflags", ""):
    raise ImportError(
        "spprof cannot profile a free-threaded Python: use a Python {}.{} with the GIL".format(*sys.version_info[:2])
    )
