"""The PyInstaller hooks of this package. PyInstaller finds them through the entry point ``pyinstaller40``."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    """Return the folder with the hooks."""
    return [os.path.dirname(__file__)]
