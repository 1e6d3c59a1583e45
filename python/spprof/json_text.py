"""JSON as ``json.dumps(…, separators=(",", ":"))`` writes it, without the cost of importing ``json``."""

from __future__ import annotations

from _json import encode_basestring_ascii, make_encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def encoded(document: object) -> bytes:
    """Return the document in ASCII, without spaces. TypeError: something in it cannot be written as JSON."""
    return "".join(_encoder(document, 0)).encode("ascii")


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_encoder = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, True)
