"""spprof: a sampling heap profiler for Python.

``spprof.memprof`` is the heap profiler; ``spprof.__version__`` is the version of the engine and of this package.

ImportError: the engine that the loader found is not the one this package was built with. The message names both
versions; nothing falls back silently to less.
"""

from __future__ import annotations

from spprof import memprof
from spprof._memprof import VERSION as __version__  # noqa: N811

__all__ = ["__version__", "memprof"]
