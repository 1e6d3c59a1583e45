"""The program's name in file names and lists."""

from __future__ import annotations

import os
import sys


def title() -> str:
    """Return the name of the script. Never include code or arguments, which may hold secrets."""
    words = getattr(sys, "argv", None) or [""]
    name = os.path.basename(words[0]) if isinstance(words[0], str) else ""
    return name if name and not name.startswith("-") else "python"
