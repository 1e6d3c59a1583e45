"""PyInstaller's hooks for the package, which it finds by the entry point ``pyinstaller40``."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    """Return the folders with the hooks."""
    return [os.path.dirname(__file__)]
