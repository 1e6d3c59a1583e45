"""How names, sizes and times are written for people and for line-based files.

The HTML page writes numbers by the same rules (``report/assets/numbers.js``); a test gives both the same numbers. All
rounding is half up, in integers. JSON and the API keep plain bytes and nanoseconds.
"""

from __future__ import annotations

_SIZES = (("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40))
_PREFIXES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TIMES = (("ns", 1), ("µs", 10**3), ("ms", 10**6), ("s", 10**9))
_DIGITS_MOST = 18
_NANOSECONDS = {"nanoseconds": 1, "microseconds": 10**3, "milliseconds": 10**6, "seconds": 10**9}


def human_bytes(count: int) -> str:
    """Format bytes in the largest binary unit that leaves a digit before the point: ``"812.3 MiB"``, ``"17 B"``."""
    return _sign(count) + _in_units(abs(count), _SIZES)


def size_of(text: str) -> int:
    """Return the number of bytes that ``text`` denotes, in binary units: ``"1G"``, ``"1.5GiB"``, ``"500M"``,
    ``"4096"``.

    ValueError: it is not a size above 0.
    """
    letters = text.strip().upper()
    digits = letters.rstrip("BIKMGT")
    unit = letters[len(digits) :].removesuffix("B").removesuffix("I")
    if unit not in _PREFIXES or letters[len(digits) :] in ("I", "IB"):
        raise ValueError(f"{text!r} is not a size")
    size = float(digits) * _PREFIXES[unit]
    if not 1 <= size < 1 << 62:
        raise ValueError(f"{text!r} is not a size")
    return int(size)


def human_time(nanoseconds: int) -> str:
    """Format a time in the largest unit with a digit before the point: ``"1.25 s"``, ``"17.0 µs"``, ``"0 s"``."""
    size = abs(nanoseconds)
    if size == 0:
        return "0 s"
    text = _in_units(size, _TIMES)
    if text.endswith(" s"):
        hundredths = _rounded(100 * size, 10**9)
        text = f"{hundredths / 100:.2f} s" if hundredths < 10_000 else f"{_rounded(size, 10**9):,} s"
    return _sign(nanoseconds) + text


def amount(value: int, unit: str) -> str:
    """Format a value: bytes in binary units, times in seconds or smaller units, other numbers in groups of three
    digits.
    """
    if unit == "bytes":
        return human_bytes(value)
    scale = _NANOSECONDS.get(unit)
    return f"{value:,}" if scale is None else human_time(value * scale)


def interval_text(ends: tuple[int, int], unit: str = "bytes") -> str:
    """Format a confidence interval: ``"1.0 MiB - 2.5 MiB"``."""
    return f"{amount(ends[0], unit)} - {amount(ends[1], unit)}"


def sampling_text(period: int, unit: str = "bytes") -> str:
    """Format a sampling interval: ``"1 per 512 KiB"``, ``"1 per 10 ms"``, ``"every allocation"`` for 0 bytes."""
    if period == 0 and unit == "bytes":
        return "every allocation"
    return f"1 per {_without_zero(amount(period, unit))}"


def share_text(part: int, whole: int) -> str:
    """Format ``part`` as a percentage: ``"12.3 %"``, ``"100 %"``, ``"< 0.1 %"``; ``""`` if ``whole`` is 0."""
    if whole <= 0:
        return ""
    if part == 0:
        return "0 %"
    tenths = _rounded(1000 * abs(part), whole)
    if tenths == 0:
        return "< 0.1 %"
    text = f"{tenths / 10:.1f}" if tenths < 1000 else str(_rounded(100 * abs(part), whole))
    return f"{_sign(part)}{text} %"


def whole_number(text: str | None) -> int | None:
    """Return the integer in a string from a file, digits with or without a sign. None if the string is not an integer,
    or has more digits than any counter could have: files come from anywhere, and Python refuses to parse numbers with
    thousands of digits.
    """
    if text is None or len(text) > _DIGITS_MOST:
        return None
    digits = text[text.startswith("-") :]
    return int(text) if digits.isascii() and digits.isdecimal() else None


def percent(part: int, whole: int) -> float:
    """Return ``part`` as a percentage of ``whole``; 0 if ``whole`` is 0."""
    return 100.0 * part / whole if whole else 0.0


def place(file: str, line: int) -> str:
    """Format a location: ``"data.py:40"``, or ``"libfoo.so"`` if the line is unknown."""
    return f"{file}:{line}" if line > 0 else file


def site_text(function: str, file: str, line: int) -> str:
    """Format a site in one line, with control characters made visible: ``"load (data.py:40)"``."""
    return visible(f"{function} ({place(file, line)})" if file else function)


def visible(name: str, forbidden: str = "") -> str:
    r"""Return ``name`` in one line that can be encoded.

    Control characters, line ends, lone surrogates and the ``forbidden`` characters become escapes: ``\n``, ``\x3b``. A
    byte of a file name that is not UTF-8 (PEP 383) becomes ``\xe9``; a character with that code would be ``\u00e9``.
    """
    if name.isprintable() and not any(character in name for character in forbidden):
        return name
    return "".join(
        character if character.isprintable() and character not in forbidden else _escaped(character)
        for character in name
    )


def spelled(path: str) -> str:
    r"""Return ``path`` with the escapes that ``visible`` uses for bytes made unambiguous: a name that contains the four
    characters ``\xe9`` differs from a name that contains that byte, so it becomes ``\x5cxe9`` in files.
    """
    parts = path.split("\\x")
    for at in range(1, len(parts)):
        is_byte = len(parts[at]) > 1 and all(digit in "0123456789abcdef" for digit in parts[at][:2])
        parts[at] = ("\\x5cx" if is_byte else "\\x") + parts[at]
    return "".join(parts)


def _in_units(size: int, units: tuple[tuple[str, int], ...]) -> str:
    """Format ``size`` with one decimal in the smallest unit in which it rounds to less than one of the next unit;
    without decimals in the smallest unit of all.
    """
    if size < units[1][1]:
        return f"{size} {units[0][0]}"
    for (name, scale), (_, above) in zip(units[1:], (*units[2:], ("", 0))):
        tenths = _rounded(10 * size, scale)
        if above == 0 or tenths < 10 * above // scale:
            return f"{tenths // 10}.{tenths % 10} {name}"
    raise AssertionError("no unit follows the last one")


def _rounded(part: int, whole: int) -> int:
    """Return ``part / whole`` rounded to the nearest integer, half up."""
    return (2 * part + whole) // (2 * whole)


def _sign(value: int) -> str:
    return "-" if value < 0 else ""


def _without_zero(text: str) -> str:
    """Return ``"512 KiB"`` for ``"512.0 KiB"``, ``"1 s"`` for ``"1.00 s"``: chosen values are usually whole."""
    number, unit = text.split(" ", 1) if " " in text else (text, "")
    whole, _, decimals = number.partition(".")
    number = whole if decimals.strip("0") == "" else number
    return f"{number} {unit}" if unit else number


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    if 0x80 <= number <= 0xFF:
        return f"\\u{number:04x}"
    escaped = character.encode("unicode_escape").decode("ascii")
    return escaped if escaped != character else f"\\x{ord(character):02x}"
