"""The part of protobuf's wire format that profiles need.

    message:  tag value tag value …      tag = field number << 3 | wire type
    varint:   7 bits per byte, lowest first, the top bit set on all but the last byte

Negative numbers are written as their two's complement of 64 bits, in ten bytes. Readers never read beyond the given
message: lengths are checked against the data before they are used.
"""

from __future__ import annotations

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types."""

_BITS_64 = (1 << 64) - 1
_VARINT_BYTES_MAX = 10


class WireError(Exception):
    """The bytes are not a message. The text says what is wrong with them."""


def varint(number: int) -> bytes:
    """Encode ``number`` as a varint."""
    if 0 <= number < 0x80:
        return bytes((number,))
    number &= _BITS_64
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Varints(dict[int, bytes]):
    """Cached varints: each number is encoded once."""

    def __missing__(self, number: int) -> bytes:
        written = self[number] = varint(number)
        return written


def integer_field(number: int, value: int) -> bytes:
    """Encode an integer field; empty for 0, which is the readers' default."""
    return varint(number << 3 | VARINT) + varint(value) if value else b""


def bytes_field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes: a string, a message or packed integers."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned number at ``at``, and the index after it. WireError: the number does not end."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    return _read_varint_slow(data, at)


def _read_varint_slow(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for byte in data[at : at + _VARINT_BYTES_MAX]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number & _BITS_64, at + shift // 7
    raise WireError(
        "it ends in the middle of a number" if at + _VARINT_BYTES_MAX > len(data) else "a number is too long"
    )


def signed(number: int) -> int:
    """Interpret an unsigned 64-bit number as an int64."""
    return number - (1 << 64) if number >> 63 else number


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes whose length is at ``at``, and where the next field begins. WireError: there are fewer bytes."""
    length, at = read_varint(data, at)
    end = at + length
    if end > len(data):
        raise WireError(f"it ends in the middle of a field of {length} bytes")
    return data[at:end], end


def read_fields(message: bytes) -> list[tuple[int, int | bytes]]:
    """Return the fields of a message in order, each with its number and its value, an integer or bytes. WireError: it
    is not a message.
    """
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field has the number 0")
        value: int | bytes
        if wire_type == BYTES:
            value, at = read_bytes(message, at)
        elif wire_type == VARINT:
            value, at = read_varint(message, at)
        elif wire_type in (FIXED64, FIXED32):
            end = at + (8 if wire_type == FIXED64 else 4)
            if end > len(message):
                raise WireError("it ends in the middle of a field of a fixed size")
            value, at = int.from_bytes(message[at:end], "little"), end
        else:
            raise WireError(f"a field has the wire type {wire_type}")
        fields.append((number, value))
    return fields
