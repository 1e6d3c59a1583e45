"""Output to stdout and stderr, which may be a terminal with a width and colours, or a file that another program reads.

Output is shortened or coloured only on a terminal. Progress is shown only on stderr, and only if that is a terminal.
"""

from __future__ import annotations

import os
import sys
import time

from spprof.records import suppress
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

_BOLD, _RED, _GREEN, _FAINT, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
_STYLES = {"bold": _BOLD, "red": _RED, "green": _GREEN, "faint": _FAINT}
_PROGRESS_AFTER_SECONDS = 0.5
_PLAIN_IN_SHELLS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
_SITE_COLUMNS_MIN = 12


class Terminal:
    """Writes lines to stdout in a form that suits the terminal or file."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_tty = self._stream.isatty()
        self._has_colour = self._is_tty and "NO_COLOR" not in os.environ and os.environ.get("TERM", "") != "dumb"

    @property
    def columns(self) -> int | None:
        """Characters per line; None if lines may have any length."""
        if not self._is_tty:
            return None
        from shutil import get_terminal_size

        return get_terminal_size().columns

    def line(self, text: str, style: str = "") -> None:
        """Write one line, truncated to the terminal's width."""
        if self.columns is not None:
            text = text[: self.columns]
        print(f"{_STYLES[style]}{text}{_PLAIN}" if style and self._has_colour else text, file=self._stream)

    def paragraph(self, text: str, indent: int = 0) -> None:
        """Write a sentence, wrapped to the terminal's width. Indent all lines but the first by ``indent`` characters if
        that leaves enough room.
        """
        if self.columns is not None:
            import textwrap

            further = indent if self.columns - indent >= _SITE_COLUMNS_MIN else 0
            text = textwrap.fill(text, self.columns, subsequent_indent=" " * further)
        print(text, file=self._stream)

    def can_write(self, text: str) -> bool:
        """Return whether the stream's encoding can represent ``text``."""
        try:
            text.encode(self._stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def leaves_room(self, used: int) -> bool:
        """Return whether a name would still be readable after ``used`` characters."""
        return self.columns is None or self.columns - used >= _SITE_COLUMNS_MIN

    def fitted(self, name: str, used: int) -> str:
        """Return ``name`` shortened to fit after ``used`` characters. Its end is kept, because it says more than its
        beginning.
        """
        if self.columns is None:
            return name
        room = max(self.columns - used, _SITE_COLUMNS_MIN)
        return name if len(name) <= room else f"...{name[len(name) - room + 3 :]}"

    def fitted_of(self, names: Sequence[str], used: int) -> str:
        """Return the first of ``names``, longest first, that fits after ``used`` characters. If none fits, return the
        end of the last one.
        """
        for name in names:
            if self.columns is None or used + len(name) <= self.columns:
                return name
        return self.fitted(names[-1], used)


def say(text: str, *, flush: bool = True) -> None:
    """Write one line to the process's own stderr; do nothing if there is none or it cannot be written to.

    ``flush``: first flush what the program has left in the stream's buffer; False if the process ends without flushing.
    The line itself bypasses that buffer. The interpreter would otherwise retry any remainder at exit, and so change the
    exit status of a program that has closed its stderr.
    """
    stream = sys.__stderr__
    if stream is None or stream.closed:
        return
    with suppress(OSError, ValueError):
        if flush:
            stream.flush()
        os.write(stream.fileno(), f"spprof: {text}\n".encode(stream.encoding or "ascii", "backslashreplace"))


def shell_word(name: str) -> str:
    r"""Quote ``name`` for a shell, on one line that stderr can represent: ``'a b'``, ``"$(printf 'a\351')"``.

    Every POSIX shell has ``printf``, but not ``$'a\xe9'``. Command substitution would drop newlines at the end of a
    name, so such a name is written as ``$'…'``.
    """
    encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
    try:
        name.encode(encoding)
        is_plain = name.isprintable()
    except UnicodeEncodeError:
        is_plain = False
    if is_plain:
        return _quoted(name)
    octal = "".join(_octal(byte) for byte in os.fsencode(name))
    return f"$'{octal.replace('%%', '%')}'" if name.endswith("\n") else f"\"$(printf '{octal}')\""


def _quoted(name: str) -> str:
    """Quote like ``shlex.quote``, without the cost of importing it."""
    if name and all(character in _PLAIN_IN_SHELLS for character in name):
        return name
    apart = "'\"'\"'"
    return f"'{name.replace(chr(39), apart)}'"


def _octal(byte: int) -> str:
    character = chr(byte)
    if character == "%":
        return "%%"
    return character if character.isascii() and character.isprintable() and character not in "\\'!" else f"\\{byte:03o}"


def progress(what: str) -> Callable[[float], None] | None:
    """Return a function that shows, after a while, what share of ``what`` is done. None: there is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    started = time.monotonic()
    name = visible(os.path.basename(what))

    def show(share: float) -> None:
        if time.monotonic() - started > _PROGRESS_AFTER_SECONDS:
            end = "\r\x1b[K" if share >= 1.0 else ""
            print(f"\r{name}: {share:.0%} {end}", end="", file=sys.stderr, flush=True)

    return show
