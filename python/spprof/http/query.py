"""The parameters of a request: the text after "?" in its address."""

from __future__ import annotations

from binascii import unhexlify

from spprof.http.answers import RefusalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SECONDS_MAX: Final = 3600.0
_SHOWN_CHARACTERS: Final = 40
_PLAIN: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


class Query:
    """The parameters by name. If a name occurs twice, the first one counts. Unknown names are ignored, as in Go."""

    def __init__(self, raw: str) -> None:
        self._values: dict[str, str] = {}
        for part in raw.split("&"):
            name, _, value = part.partition("=")
            if name:
                self._values.setdefault(unquoted(name), unquoted(value))

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return the parameter's text, or ``default`` if it is missing or empty."""
        return self._values.get(name) or default

    def flag(self, name: str) -> bool:
        """Return whether the parameter is present, and neither 0 nor false."""
        return name in self._values and self._values[name].lower() not in ("0", "false")

    def seconds(self, default: float, least: float) -> float:
        """Return the parameter ``seconds``, from ``least`` to SECONDS_MAX."""
        return self.number("seconds", default, least, SECONDS_MAX)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Return a number within these limits. RefusalError: it is not one."""
        found = self.text(name)
        if not found:
            return default
        value = _number(found)
        if value is None or not least <= value <= most:
            shown = found if len(found) <= _SHOWN_CHARACTERS else f"{found[:_SHOWN_CHARACTERS]}…"
            raise RefusalError(400, f"{name} must be a number from {least:g} to {most:g}, not {shown!r}")
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number within these limits. RefusalError: it is not one."""
        value = self.number(name, default, least, most)
        if value != int(value):
            raise RefusalError(400, f"{name} must be a whole number, not {value:g}")
        return int(value)


def _number(found: str) -> float | None:
    """Parse decimal digits with at most one point; None if the text is anything else."""
    digits = found.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _SHOWN_CHARACTERS:
        return None
    return float(found)


def unquoted(part: str) -> str:
    """Decode a name or value: "%20" and "+" are spaces. Invalid codes are left unchanged."""
    first, *others = part.replace("+", " ").split("%")
    pieces = [first.encode("utf-8", "replace")]
    for other in others:
        try:
            pieces += [unhexlify(other[:2]), other[2:].encode("utf-8", "replace")]
        except ValueError:
            pieces.append(b"%" + other.encode("utf-8", "replace"))
    return b"".join(pieces).decode("utf-8", "replace")


def quoted(name: str) -> str:
    """Encode a name so that it is safe in an address and in HTML."""
    return "".join(chr(one) if chr(one) in _PLAIN else f"%{one:02X}" for one in name.encode("utf-8", "replace"))
