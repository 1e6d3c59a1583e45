"""The program that ``spprof run`` runs: a script, a module, code, standard input, or an installed command.

script.py  folder/  archive.zip     script     a path
gunicorn                            script     the Python script of that name next to the interpreter or in PATH, as pip
                                               installs it for console_scripts
-m module                           module
-c CODE                             code
-                                   stdin
"""

from __future__ import annotations

import os
import sys

from spprof.records import NamedTuple
from spprof.text import visible

SCRIPT, MODULE, CODE, STDIN = "script", "module", "code", "stdin"

_FIRST_BYTES = 4096
_INTERPRETER = rb"#!\s*(/\S*python[\d.]*)\s"
_ANY_PYTHON = rb"#!\s*\S*/env\s+(-S\s+)?python"
_LONG_PATH = rb"#!/bin/sh\n'''exec' \"?(/[^\"\n]*python[\d.]*)\"?\s"


class Program(NamedTuple):
    """A program that can be run."""

    kind: str
    name: str
    """A path, a module name, the code, or "-"."""

    @property
    def title(self) -> str:
        """The name that is used for files and recorded in them. It never contains code or arguments, which may hold
        secrets.
        """
        if self.kind in (CODE, STDIN):
            return "command" if self.kind == CODE else "stdin"
        return os.path.basename(os.path.abspath(self.name)) or "program"

    @property
    def words(self) -> list[str]:
        """The program, as written in the interpreter's command line."""
        return {MODULE: ["-m", self.name], CODE: ["-c", self.name]}.get(self.kind, [self.name])


class ProgramError(Exception):
    """The program does not exist, or this interpreter cannot run it. The message is a sentence."""


def is_option_of_kind(word: str) -> bool:
    """Return whether a word selects the kind of program that follows, rather than how to profile it."""
    return word.startswith(("-m", "-c")) and not word.startswith("--")


def of_option(word: str, following: list[str]) -> tuple[Program | None, list[str]]:
    """Return the program of -m or -c, given in the same word or the next, and its arguments. None: nothing follows."""
    kind = MODULE if word.startswith("-m") else CODE
    rest = [word[2:], *following] if len(word) > 2 else following
    return (Program(kind, rest[0]), rest[1:]) if rest else (None, [])


def named(name: str) -> Program:
    """Return the program that a word names. ProgramError: it cannot be opened, or is not a Python program."""
    if name == "-":
        if sys.stdin is not None and sys.stdin.isatty():
            raise ProgramError("- reads the program from standard input, which is a terminal; pipe the program in")
        return Program(STDIN, name)
    is_command = os.sep not in name and (not os.path.exists(name) or _is_plain_folder(name))
    command = _command(name) if is_command else None
    if command is not None:
        return Program(SCRIPT, command)
    try:
        with open(name, "rb"):
            pass
    except IsADirectoryError:
        pass
    except OSError as error:
        raise ProgramError(f"can't open file {visible(name)}: {error.strerror}") from error
    return Program(SCRIPT, name)


def _is_plain_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.exists(os.path.join(path, "__main__.py"))


def _command(name: str) -> str | None:
    """Return the path of an installed command that is a Python script for this interpreter; None: no such command."""
    import re
    import shutil

    beside = os.path.join(os.path.dirname(sys.executable), name)
    path = beside if os.access(beside, os.X_OK) and os.path.isfile(beside) else shutil.which(name)
    if path is None:
        return None
    with open(path, "rb") as file:
        first = file.read(_FIRST_BYTES)
    if re.match(_ANY_PYTHON, first):
        return path
    interpreter = re.match(_INTERPRETER, first) or re.match(_LONG_PATH, first)
    if interpreter is None:
        raise ProgramError(f"{visible(path)} is not a Python program; spprof run only runs Python programs")
    theirs = os.fsdecode(interpreter[1])
    if os.path.dirname(theirs) != os.path.dirname(sys.executable) and not _is_ours(theirs):
        raise ProgramError(
            f"{visible(path)} belongs to another Python; install spprof there and use {visible(theirs)} -m spprof run"
        )
    return path


def _is_ours(interpreter: str) -> bool:
    """Return whether it is this interpreter under another name. With virtual environments, several links may lead to
    the same program but represent different sets of packages.
    """
    try:
        is_same = os.path.samefile(interpreter, sys.executable)
    except OSError:
        return False
    settings = os.path.join(os.path.dirname(os.path.dirname(interpreter)), "pyvenv.cfg")
    return is_same and sys.prefix == sys.base_prefix and not os.path.exists(settings)
