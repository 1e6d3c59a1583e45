"""What stdout and stderr are: a terminal with a width and colours, or a file that another program reads.

Nothing is cut short and nothing coloured unless a person sees it; progress goes to stderr, and only there is it shown.
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
    """Writes lines to stdout as its reader can use them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_tty = self._stream.isatty()
        self._has_colour = self._is_tty and "NO_COLOR" not in os.environ and os.environ.get("TERM", "") != "dumb"

    @property
    def columns(self) -> int | None:
        """Characters in a line; None where lines may be of any length."""
        if not self._is_tty:
            return None
        from shutil import get_terminal_size

        return get_terminal_size().columns

    def line(self, text: str, style: str = "") -> None:
        """Writes one line, cut to the terminal's width."""
        if self.columns is not None:
            text = text[: self.columns]
        print(f"{_STYLES[style]}{text}{_PLAIN}" if style and self._has_colour else text, file=self._stream)

    def paragraph(self, text: str, indent: int = 0) -> None:
        """Writes a sentence, on several lines where the terminal is narrow; those behind the first begin ``indent``
        characters further right where that leaves room."""
        if self.columns is not None:
            import textwrap

            further = indent if self.columns - indent >= _SITE_COLUMNS_MIN else 0
            text = textwrap.fill(text, self.columns, subsequent_indent=" " * further)
        print(text, file=self._stream)

    def can_write(self, text: str) -> bool:
        """Whether the reader's encoding has these characters."""
        try:
            text.encode(self._stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def leaves_room(self, used: int) -> bool:
        """Whether a name is still one behind ``used`` characters."""
        return self.columns is None or self.columns - used >= _SITE_COLUMNS_MIN

    def fitted(self, name: str, used: int) -> str:
        """``name`` as it fits behind ``used`` characters: the end of it, which tells more than the beginning."""
        if self.columns is None:
            return name
        room = max(self.columns - used, _SITE_COLUMNS_MIN)
        return name if len(name) <= room else f"...{name[len(name) - room + 3 :]}"

    def fitted_of(self, names: Sequence[str], used: int) -> str:
        """The first of ``names``, longest first, that fits behind ``used`` characters, or else the end of the last."""
        for name in names:
            if self.columns is None or used + len(name) <= self.columns:
                return name
        return self.fitted(names[-1], used)


def say(text: str, *, flush: bool = True) -> None:
    """One line on the process's own stderr; nothing where it has none, or cannot be written to.

    ``flush``: what the program has in the stream's buffer goes before it; not where the process ends without that.
    Not through the stream's buffer: what stayed there the interpreter would try again at the end, and change the exit
    status of a program that had closed its stderr.
    """
    stream = sys.__stderr__
    if stream is None or stream.closed:
        return
    with suppress(OSError, ValueError):
        if flush:
            stream.flush()
        os.write(stream.fileno(), f"spprof: {text}\n".encode(stream.encoding or "ascii", "backslashreplace"))


def shell_word(name: str) -> str:
    r"""``name`` as a shell takes it, in one line that stderr can hold: ``'a b'``, ``"$(printf 'a\351')"``.

    ``printf`` is in every POSIX shell, ``$'a\xe9'`` is not. It would lose line ends at the end of a name.
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
    """As ``shlex.quote``, which is imported with much else."""
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
    """Shows the share of ``what`` that is done, once it has taken a while; None where nobody would see it."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    started = time.monotonic()
    name = visible(os.path.basename(what))

    def show(share: float) -> None:
        if time.monotonic() - started > _PROGRESS_AFTER_SECONDS:
            end = "\r\x1b[K" if share >= 1.0 else ""
            print(f"\r{name}: {share:.0%} {end}", end="", file=sys.stderr, flush=True)

    return show
