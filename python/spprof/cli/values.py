"""Parsers of the values that options of ``spprof run`` and words of SPPROF take.

Each function raises ValueError if the text is not a number. If the number is out of range, it raises the subclass
``OutOfRangeError``, whose message is a sentence.
"""

from __future__ import annotations

from spprof import _engine
from spprof.cli.settings import BY_PID
from spprof.text import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_MS = 10.0
"""Default interval between CPU samples."""

RATE_KB = 512
"""Default interval between heap samples."""

_KEEP_MAX = 100_000
_RATE_MAX_KB = _engine.RATE_MAX_BYTES // 1024


class OutOfRangeError(ValueError):
    """A value that is out of range. The message says which values are allowed."""


def percent(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise OutOfRangeError("must be above 0 and at most 100")
    return value


def share(text: str) -> float:
    """Parse a percentage, with or without the percent sign."""
    value = float(text.strip().removesuffix("%"))
    if not 1 <= value <= 100:
        raise OutOfRangeError("must be between 1 and 100 percent")
    return value


def size(text: str) -> int:
    return size_of(text)


def signal(text: str) -> int:
    from spprof.process import signals

    try:
        return signals.number_of(text)
    except ValueError as error:
        raise OutOfRangeError(str(error)) from None


def milliseconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 1000:
        raise OutOfRangeError("must be between 1 and 1000 milliseconds")
    return value


def rate(text: str) -> int:
    value = int(text)
    if not 0 <= value <= _RATE_MAX_KB:
        raise OutOfRangeError(f"must be between 0 (every allocation) and {_RATE_MAX_KB} (1 GiB)")
    return value


def seconds(text: str) -> float:
    value = float(text)
    if not 0.01 <= value <= 1e6:
        raise OutOfRangeError("must be between 0.01 and a million seconds")
    return value


def kept(text: str) -> int:
    value = int(text)
    if not 2 <= value <= _KEEP_MAX:
        raise OutOfRangeError(f"must be between 2 and {_KEEP_MAX} snapshots")
    return value


def address(text: str) -> str:
    """Parse a listening address: a port with a numeric address, or the path of a Unix socket."""
    if text != BY_PID and not is_address(text):
        raise OutOfRangeError(
            "must be a numeric address with a port, such as 127.0.0.1:6060, or a path that contains a slash"
        )
    return text


def is_address(text: str) -> bool:
    """Return whether ``text`` looks like an address. Any other error in it is found when the address is used."""
    host, colon, port = text.rpartition(":")
    is_port = bool(colon) and port.isdecimal() and "/" not in host
    return is_port or ("/" in text and text != "/")


def count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise OutOfRangeError("must be 0 or more")
    return value


def for_argparse(read: Callable[[str], object]) -> Callable[[str], object]:
    """Adapt ``read`` for argparse, which shows only the messages of its own exception class."""

    def told(text: str) -> object:
        try:
            return read(text)
        except OutOfRangeError as error:
            from argparse import ArgumentTypeError

            raise ArgumentTypeError(str(error)) from None

    told.__name__ = read.__name__
    return told
