"""Signals by their names and numbers: those that may ask for a snapshot."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # without its enumerations

NAMES = ("USR1", "USR2", "HUP", "QUIT", "URG", "WINCH")
"""Those that people send, and that mean nothing else to a program that has no handler for them. Left out: those that
Python, faults, timers, profilers, terminals and children of the program send, and the real-time ones, which profilers
and libraries share out among themselves."""


def number_of(wanted: int | str) -> int:
    """The number of ``"USR2"``, ``"SIGUSR2"`` or 12.

    ValueError: it may not ask for a snapshot; the message goes on behind what it was given for.
    """
    known = {name: int(getattr(_signal, f"SIG{name}")) for name in NAMES}
    text = (wanted if isinstance(wanted, str) else str(int(wanted))).strip().upper().removeprefix("SIG")
    number = int(text) if text.isascii() and text.isdecimal() else known.get(text, 0)
    if isinstance(wanted, bool) or number not in known.values():
        raise ValueError(f"must be one of {', '.join(NAMES)}: other signals have other meanings")
    return number


def name_of(number: int) -> str:
    """``"USR2"``."""
    return next(name for name in NAMES if getattr(_signal, f"SIG{name}") == number)
