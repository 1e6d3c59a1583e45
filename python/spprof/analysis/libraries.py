"""Which code is a library's and which the program's own, by where its file lies.

/app/shop/cart.py                      the program's own
/usr/lib/python3.11/json/decoder.py    the standard library
…/site-packages/numpy/core/_a.py       installed
/srv/env/bin/gunicorn                  an installed command: a script in bin without a suffix
"""

from __future__ import annotations

import re
from functools import lru_cache

INSTALLED = re.compile(r"/(?:site|dist)-packages/([^/]+)")
STANDARD = re.compile(r"/lib(?:64)?/python3\.\d+/|^<frozen |/usr/local/go/src/|/lib/rustlib/")
_FOREIGN = re.compile(r"^/usr/|/bin/[^/.]+$|^/lib|/pkg/mod/|/vendor/|/\.cargo/registry/|/node_modules/")


@lru_cache(maxsize=4096)  # asked for every frame of every stack, of few files
def is_library(file: str) -> bool:
    """Whether a file is of a library and not of the program itself."""
    return bool(INSTALLED.search(file) or STANDARD.search(file) or _FOREIGN.search(file))
