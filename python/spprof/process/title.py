"""What the program is called in names of files and lists."""

from __future__ import annotations

import os
import sys


def title() -> str:
    """The name of its script, never what may hold secrets."""
    words = getattr(sys, "argv", None) or [""]
    name = os.path.basename(words[0]) if isinstance(words[0], str) else ""
    return name if name and not name.startswith("-") else "python"
