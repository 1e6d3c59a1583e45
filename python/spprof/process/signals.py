"""Names and numbers of the signals that may trigger a snapshot."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # signal without its enumerations

NAMES = ("USR1", "USR2", "HUP", "QUIT", "URG", "WINCH")
"""Signals that people send, and that have no other meaning for a program without a handler. This leaves out signals
sent by Python, faults, timers, profilers, terminals and child processes, and the real-time signals, which profilers and
libraries divide among themselves.
"""


def number_of(wanted: int | str) -> int:
    """Return the number of ``"USR2"``, ``"SIGUSR2"`` or 12.

    ValueError: the signal may not trigger a snapshot. The caller puts the given value in front of the message.
    """
    known = {name: int(getattr(_signal, f"SIG{name}")) for name in NAMES}
    text = (wanted if isinstance(wanted, str) else str(int(wanted))).strip().upper().removeprefix("SIG")
    number = int(text) if text.isascii() and text.isdecimal() else known.get(text, 0)
    if isinstance(wanted, bool) or number not in known.values():
        raise ValueError(f"must be one of {', '.join(NAMES)}: other signals have other meanings")
    return number


def name_of(number: int) -> str:
    """Return a name such as ``"USR2"``."""
    return next(name for name in NAMES if getattr(_signal, f"SIG{name}") == number)
