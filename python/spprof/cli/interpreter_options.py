"""The running interpreter's options, so that another one can be started with the same.

Options that stand in environment variables are left there: the other interpreter reads them itself.
"""

from __future__ import annotations

import os
import sys

_LETTERS = {
    "debug": "d",
    "inspect": "i",
    "optimize": "O",
    "dont_write_bytecode": "B",
    "no_site": "S",
    "verbose": "v",
    "bytes_warning": "b",
    "quiet": "q",
}


def options() -> list[str]:
    """Command-line options that make another interpreter behave as this one does."""
    flags = sys.flags
    found = [f"-{letter * int(getattr(flags, name))}" for name, letter in _LETTERS.items() if getattr(flags, name)]
    if flags.isolated:
        found.append("-I")
    else:
        found += ["-E"] if flags.ignore_environment else []
        found += ["-s"] if flags.no_user_site else []
        found += ["-P"] if getattr(flags, "safe_path", False) else []
    if getattr(sys.__stdout__, "write_through", False):
        found.append("-u")
    for name, value in sys._xoptions.items():
        found += ["-X", name if value is True else f"{name}={value}"]
    for warning in _warnings_of_the_command_line():
        found += ["-W", warning]
    return found


def _warnings_of_the_command_line() -> list[str]:
    """``sys.warnoptions`` without those that come from elsewhere: -X dev, PYTHONWARNINGS, -b."""
    warnings = list(sys.warnoptions)
    if sys.flags.dev_mode and warnings[:1] == ["default"]:
        del warnings[0]
    if not sys.flags.ignore_environment:
        of_environment = [one for one in os.environ.get("PYTHONWARNINGS", "").split(",") if one]
        if warnings[: len(of_environment)] == of_environment:
            del warnings[: len(of_environment)]
    if sys.flags.bytes_warning and warnings and warnings[-1].endswith("::BytesWarning"):
        del warnings[-1]
    return warnings


def has_safe_path() -> bool:
    """Whether the interpreter leaves the script's folder out of ``sys.path``."""
    return bool(getattr(sys.flags, "safe_path", sys.flags.isolated))
