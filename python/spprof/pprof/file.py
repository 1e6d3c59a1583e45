"""Opens, unpacks and reads profile files, and reports anything that is wrong in a one-line error.

path ─► at most BYTES_MAX ─► gunzip, at most BYTES_MAX ─► decode ─► Profile
"""

from __future__ import annotations

import zlib

from spprof.pprof.encode import encode
from spprof.pprof.profile import Profile, ProfileError
from spprof.pprof.wire import WireError
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

BYTES_MAX = 1 << 28
"""256 MiB: the maximum size of a file, compressed and uncompressed. A profile of a million stacks takes half of that.
"""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_OTHER_KINDS = {
    b"\x04\x22\x4d\x18": "it is compressed with lz4; unpack it first: lz4 -d",
    b"PK\x03\x04": "it is a zip archive",
    b"\x7fELF": "it is a program or library",
    b"SQLite": "it is a database",
    b"<": "it is HTML or XML, not pprof",
    b"heap profile:": "it is a heap profile in the old text format; only profile.proto is supported",
}
_MEMBERS_MAX = 16
_PACKED_STEP = 1 << 16
_LEVEL = 4


def read_profile(path: str, progress: Callable[[float], None] | None = None, *, header_only: bool = False) -> Profile:
    """Read a pprof file, compressed with gzip or not. ``progress`` is called with the share that is done.
    ``header_only``: leave out the samples and everything to which they refer.

    ProfileError: the file cannot be opened, or is not a profile.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise ProfileError(f"{visible(path)}: {error.strerror or error}") from error
    try:
        return read_bytes(data, progress, header_only=header_only)
    except WireError as error:
        raise ProfileError(f"{visible(path)}: {error}") from error


def read_bytes(data: bytes, progress: Callable[[float], None] | None = None, *, header_only: bool = False) -> Profile:
    """Return the profile in ``data``, compressed or not. WireError: it is not a profile."""
    if not data:
        raise WireError("it is empty")
    if len(data) > BYTES_MAX:
        raise WireError(f"it is larger than {BYTES_MAX >> 20} MiB")
    if data.startswith(_GZIP):
        data = _gunzipped(data)
    elif data.startswith(_ZSTD):
        data = _unpacked_zstd(data)
    for magic, kind in _OTHER_KINDS.items():
        if data.startswith(magic):
            raise WireError(kind)
    from spprof.pprof.decode import decode  # it imports re, which writing does not need

    try:
        return decode(data, progress, header_only=header_only)
    except WireError as error:
        raise WireError(f"not a pprof profile, or a damaged one: {error}{_what_json_it_is(data)}") from error


def written(profile: Profile) -> Iterator[bytes]:
    """Yield the file in pieces, compressed with gzip. Deterministic, because its header contains no time."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in _joined(encode(profile)):
        yield packer.compress(piece)
    yield packer.flush()


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces into larger ones, because compressing tiny pieces costs more than joining them."""
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size >= _PACKED_STEP:
            yield b"".join(kept)
            kept, size = [], 0
    yield b"".join(kept)


def _gunzipped(data: bytes) -> bytes:
    return _unpacked(data, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), zlib.error, "gzip")


def _unpacked_zstd(data: bytes) -> bytes:
    try:
        from compression.zstd import ZstdDecompressor, ZstdError  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise WireError(
            "it is compressed with zstd, which needs Python 3.14 or later; unpack it first: zstd -d"
        ) from None
    return _unpacked(data, ZstdDecompressor, ZstdError, "zstd")


def _unpacked(data: bytes, unpacker_of: Callable[[], Any], error: type[Exception], name: str) -> bytes:
    """Unpack all gzip members, one after the other. Never produce more than BYTES_MAX, whatever the file claims."""
    pieces, size = [], 0
    for _ in range(_MEMBERS_MAX):
        unpacker = unpacker_of()
        try:
            piece: bytes = unpacker.decompress(data, BYTES_MAX + 1 - size)
        except error as damage:
            raise WireError(f"its {name} data is damaged ({damage})") from damage
        size += len(piece)
        if size > BYTES_MAX:
            raise WireError(f"it unpacks to more than {BYTES_MAX >> 20} MiB")
        if not unpacker.eof:
            raise WireError(f"it ends in the middle of its {name} data")
        pieces.append(piece)
        data = unpacker.unused_data.lstrip(b"\0")
        if not data:
            return b"".join(pieces)
    raise WireError(f"it has more than {_MEMBERS_MAX} {name} members")


def _what_json_it_is(data: bytes) -> str:
    return " (it looks like JSON; reports read pprof files, .pb.gz)" if data[:1] in (b"{", b"[") else ""
