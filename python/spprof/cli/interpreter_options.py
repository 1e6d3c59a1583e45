"""The interpreter's options: those of the running interpreter, so that another can be started with the same ones, and
those in a command.

    -X dev -Bc CODE a b     flags "B", program ["-c", "CODE", "a", "b"]
    -S -mapp a              flags "S", program ["-m", "app", "a"]
    script.py a             flags "",  program ["script.py", "a"]

Options set by environment variables are not included, because the other interpreter reads them itself.
"""

from __future__ import annotations

import os
import sys

from spprof.records import NamedTuple, suppress

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
    """Return command-line options that make another interpreter behave like this one."""
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
    """Return ``sys.warnoptions`` without entries from other sources: -X dev, PYTHONWARNINGS, -b."""
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
    """Return whether the interpreter leaves the script's folder out of ``sys.path``."""
    return bool(getattr(sys.flags, "safe_path", sys.flags.isolated))


# ---- Options in a command

_NAME_THE_PROGRAM, _TAKE_A_VALUE = "mc", "XW"
_LONG_WITH_VALUE = "--check-hash-based-pycs"


class Command(NamedTuple):
    """The words after ``python``."""

    flags: str
    """The letters of the options that take no value."""
    program: list[str]
    """The program with its arguments; empty for the interactive prompt."""

    @property
    def code(self) -> str:
        """The code given with -c; "": none."""
        return self.program[1] if self.program[:1] == ["-c"] and len(self.program) > 1 else ""


def command_of(words: list[str]) -> Command:
    """Parse the words after ``python``."""
    flags, at = "", 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            at += word == _LONG_WITH_VALUE
            continue
        for place, letter in enumerate(word[1:], 1):
            rest = word[place + 1 :]
            if letter in _NAME_THE_PROGRAM:
                return Command(flags, [f"-{letter}", *([rest] if rest else []), *words[at:]])
            if letter in _TAKE_A_VALUE:
                at += not rest
                break
            flags += letter
    return Command(flags, words[at:])


def words_of_process() -> list[str]:
    """Return this process's command line, as far as it can be read. The interpreter comes first. For a script, that is
    the interpreter which the script's first line names.
    """
    with suppress(OSError), open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]] or [""]
    return list(getattr(sys, "orig_argv", ["", *sys.argv])) or [""]
