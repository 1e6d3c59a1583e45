"""What PyInstaller must know of the package, in hooks that it finds by the entry point ``pyinstaller40``."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    """Where the hooks are."""
    return [os.path.dirname(__file__)]
