"""How names and sizes are written for people and for line-based files."""

from __future__ import annotations


def human_bytes(count: int) -> str:
    """``count`` bytes in the largest decimal unit that leaves a digit before the point: ``"812.3 MB"``, ``"17 B"``."""
    return _in_units(count, 1000, ("kB", "MB", "GB", "TB"))


def binary_bytes(count: int) -> str:
    """``count`` bytes in the largest binary unit that leaves a digit before the point: ``"812.3 MiB"``, ``"17 B"``."""
    return _in_units(count, 1024, ("KiB", "MiB", "GiB", "TiB"))


def _in_units(count: int, base: int, units: tuple[str, ...]) -> str:
    if abs(count) < base:
        return f"{count} B"
    size = count / base
    for unit in units[:-1]:
        if abs(size) < base - 0.05:  # what would not be printed as the next unit
            return f"{size:.1f} {unit}"
        size /= base
    return f"{size:.1f} {units[-1]}"


def amount(value: int, unit: str) -> str:
    """``value`` for people: bytes in binary units, times in seconds or less, anything else as it is."""
    if unit == "bytes":
        return binary_bytes(value)
    scale = _NANOSECONDS.get(unit)
    return str(value) if scale is None else human_time(value * scale)


_NANOSECONDS = {"nanoseconds": 1, "microseconds": 10**3, "milliseconds": 10**6, "seconds": 10**9}


def human_time(nanoseconds: int) -> str:
    """A time in seconds, or where it is less than one in the largest unit that leaves a digit before the point."""
    for unit, scale, digits in (("s", 10**9, 3), ("ms", 10**6, 1), ("us", 10**3, 1)):
        if abs(nanoseconds) >= scale:
            return f"{nanoseconds / scale:.{digits}f} {unit}"
    return f"{nanoseconds} ns" if nanoseconds else "0 s"


def percent(part: int, whole: int) -> float:
    """``part`` in percent of ``whole``; 0 of nothing."""
    return 100.0 * part / whole if whole else 0.0


def place(file: str, line: int) -> str:
    """``"data.py:40"``; ``"libfoo.so"`` where no line is known."""
    return f"{file}:{line}" if line > 0 else file


def site_text(function: str, file: str, line: int) -> str:
    """``"load (data.py:40)"``: a place in the program in one line, control characters made visible."""
    return visible(f"{function} ({place(file, line)})" if file else function)


def visible(name: str, forbidden: str = "") -> str:
    r"""``name`` in one line that can be encoded.

    Control characters, line ends, lone surrogates and the ``forbidden`` characters become escapes: ``\n``, ``\x3b``.
    """
    if name.isprintable() and not any(character in name for character in forbidden):
        return name
    return "".join(
        character if character.isprintable() and character not in forbidden else _escaped(character)
        for character in name
    )


def _escaped(character: str) -> str:
    escaped = character.encode("unicode_escape").decode("ascii")
    return escaped if escaped != character else f"\\x{ord(character):02x}"
