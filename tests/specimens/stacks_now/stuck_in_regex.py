"""A pattern whose matching takes unreasonably long while the GIL is held."""

from __future__ import annotations

import re

import asking
from spprof import _engine


def match() -> None:
    re.match(r"(a|a)*b", "a" * 200)  # stuck


_engine.prepare_stacks()
asking.begin("stuck_in_regex.py:12)")
asking.sign()
match()
