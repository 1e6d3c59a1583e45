"""What wheels for macOS 12 and their libraries must be, without LIEF: tools/macos_check.py reads them."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zig_build import ROOT

MINIMUM = "12.0"
ENGINE = "libspprof_alloc.dylib"
SYSTEM = "/usr/lib/libSystem.B.dylib"
ENGINE_NAME = f"@rpath/{ENGINE}"
EXTENSION_NAMES = ("", "@rpath/_engine.so")
"""The linkers of macOS give an extension no install name; zig's gives it one."""
FILE_LIST = ROOT / "tests" / "packaging_files.txt"
UNSIGNED = "missing"
"""As a signature may be on x86-64: linkers sign for arm64 only, where macOS runs nothing unsigned."""
WHEEL_NAME = re.compile(r"spprof-([^-]+)-cp3(\d+)-cp3(\d+)-macosx_(\d+)_(\d+)_(arm64|x86_64)\.whl")


# ---- What a library says


@dataclass(frozen=True)
class Import:
    """A symbol that the loader looks up. ``library`` is empty if it is looked up in all loaded libraries."""

    symbol: str
    library: str
    weak: bool
    """The process goes on without it."""


@dataclass(frozen=True)
class Library:
    machine: str
    name: str
    """The install name, or nothing."""
    minimum: str
    needs: tuple[str, ...]
    rpaths: tuple[str, ...]
    imports: frozenset[Import]
    undefined: frozenset[str]
    """Undefined symbols of the symbol table, which should be those of the imports."""
    exports: frozenset[str]
    thread_locals: bool
    has_uuid: bool
    signature: str
    """What is wrong with the code signature; empty if nothing is."""


@dataclass(frozen=True)
class Expected:
    """What a library should be. ``providers`` has the symbols by library, and those of Python by the empty name."""

    machine: str
    names: tuple[str, ...]
    rpaths: tuple[str, ...]
    providers: Mapping[str, Collection[str]] = field(repr=False)


def import_faults(one: Import, providers: Mapping[str, Collection[str]]) -> list[str]:
    """Return what keeps the loader from finding a symbol. Only the system may lack one that is imported weakly."""
    if one.library not in providers:
        return [f"{one.symbol} is looked up {(one.library and f'in {one.library}') or 'in all libraries'}"]
    if one.symbol in providers[one.library] or (one.weak and one.library == SYSTEM):
        return []
    return [f"{one.symbol} is not exported by {one.library or 'Python'}"]


def faults(library: Library, expected: Expected) -> list[str]:
    """Return everything that is wrong, in words."""
    pairs = [
        ("machine", library.machine, expected.machine),
        ("oldest macOS", library.minimum, f"{MINIMUM}.0"),
        ("rpaths", library.rpaths, expected.rpaths),
        ("libraries", set(library.needs), set(expected.providers) - {""}),
    ]
    found = [f"{what}: {is_now!r} instead of {should!r}" for what, is_now, should in pairs if is_now != should]
    if library.name not in expected.names:
        found.append(f"install name: {library.name!r}")
    for one in sorted(library.imports, key=lambda each: each.symbol):
        found += import_faults(one, expected.providers)
    stray = library.undefined ^ {one.symbol for one in library.imports}
    found += [f"{symbol} is undefined, but not imported, or the reverse" for symbol in sorted(stray)]
    if library.thread_locals:
        found.append("has thread-local variables, which the loader allocates by malloc")
    if not library.has_uuid:
        found.append("has no UUID, which newer loaders require")
    if library.signature and (library.machine, library.signature) != ("x86_64", UNSIGNED):
        found.append(f"code signature: {library.signature}")
    return found


# ---- Code signatures

SUPER_BLOB, CODE_DIRECTORY, DIRECTORY_SLOT = 0xFADE0CC0, 0xFADE0C02, 0
AD_HOC = 0x2
SHA256 = 2


def code_directory(signature: bytes) -> bytes:
    """Return the code directory, which lists the hashes. The numbers of a signature are big-endian."""
    magic, _, count = struct.unpack_from(">3I", signature)
    if magic != SUPER_BLOB:
        raise ValueError("it has an unknown form")
    for slot in range(count):
        kind, offset = struct.unpack_from(">2I", signature, 12 + 8 * slot)
        if kind == DIRECTORY_SLOT:
            return signature[offset:]
    raise ValueError("it has no code directory")


def verify_signature(content: bytes, offset: int, size: int) -> str:
    """Return what is wrong with the ad-hoc signature in a file, or nothing."""
    try:
        directory = code_directory(content[offset : offset + size])
        magic, _, _, flags, hashes, _, _, slots, limit = struct.unpack_from(">9I", directory)
        hash_size, hash_type, _, page_bits = struct.unpack_from(">4B", directory, 36)
    except (ValueError, struct.error) as error:
        return str(error)
    if magic != CODE_DIRECTORY or not flags & AD_HOC or hash_type != SHA256:
        return "it is not an ad-hoc one with SHA-256"
    page = 1 << page_bits
    if limit != offset or slots != -(-limit // page):
        return f"it covers {limit} of {offset} bytes, in {slots} pages"
    for slot in range(slots):
        kept = directory[hashes + slot * hash_size :][:hash_size]
        if hashlib.sha256(content[slot * page : min((slot + 1) * page, limit)]).digest() != kept:
            return f"page {slot} has another hash"
    return ""


# ---- Wheels


def expected_files(version: str, minor: str) -> set[str]:
    """Return the files of a wheel: those of Linux's, with the names that libraries have here."""
    text = FILE_LIST.read_text(encoding="utf-8").replace("libspprof_alloc.so", ENGINE)
    suffix = f".cpython-3{minor}-darwin.so"
    return {line.format(version=version, suffix=suffix) for line in text.splitlines() if line}


def wheel_faults(wheel: Path, files: Collection[str]) -> list[str]:
    """Return what is wrong with a wheel's name and its list of files."""
    named = WHEEL_NAME.fullmatch(wheel.name)
    if named is None or named[2] != named[3] or (named[4], named[5]) != tuple(MINIMUM.split(".")):
        return [f"its name is not one for macOS {MINIMUM}"]
    wanted, present = expected_files(named[1], named[2]), set(files)
    lacks = [f"lacks {name}" for name in sorted(wanted - present)]
    return lacks + [f"has {name}" for name in sorted(present - wanted)]
