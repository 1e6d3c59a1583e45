"""JSON, as ``json.dumps(…, separators=(",", ":"))`` writes it, without what importing ``json`` costs."""

from __future__ import annotations

from _json import encode_basestring_ascii, make_encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def encoded(document: object) -> bytes:
    """The document in ASCII, without spaces. TypeError: something in it has no JSON."""
    return "".join(_encoder(document, 0)).encode("ascii")


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} has no JSON")


_encoder = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, True)
