"""PyInstaller's hooks for this package, which it finds through the entry point ``pyinstaller40``."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    """Return the folder with the hooks."""
    return [os.path.dirname(__file__)]
