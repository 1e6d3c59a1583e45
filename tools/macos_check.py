"""Checks wheels for macOS without a Mac: that the loader of macOS 12 accepts their libraries and finds each symbol.

python3 tools/macos_check.py WHEEL...       prints a table and the faults; exits with 1 if there is one

LIEF reads the libraries. Apple's list of the system library's symbols (tools/macos_stubs.py) and Python's library
(tools/macos_python.py) say what can be found. The code signature is checked against the file, because macOS kills an
arm64 process that runs a page with another hash.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lief
import macos_python
import macos_stubs
from macos_rules import (
    ENGINE,
    ENGINE_NAME,
    EXTENSION_NAMES,
    MINIMUM,
    SYSTEM,
    UNSIGNED,
    WHEEL_NAME,
    Expected,
    Import,
    Library,
    faults,
    verify_signature,
    wheel_faults,
)
from zig_build import DEPENDENCIES

STUBS = DEPENDENCIES / "macos-12" / "libSystem.tbd"


# ---- Reading


ANY_LIBRARY = -2  # the number that stands for a search


def imports_of(binary: lief.MachO.Binary) -> frozenset[Import]:
    """Return what the loader binds: to a library by its number, or by a search through all of them."""
    found = set()
    for binding in binary.bindings:
        number = binding.library_ordinal
        library = binding.library.name if binding.has_library else "" if number == ANY_LIBRARY else f"library {number}"
        found.add(Import(str(binding.symbol.name), str(library), bool(binding.weak_import)))
    return frozenset(found)


UNDEFINED_MASK, UNDEFINED = 0xEF, 0x01  # of a symbol's type: external, in no section, not for a debugger
THREAD_LOCAL_SECTIONS = range(0x11, 0x16)


def read(file: Path) -> Library:
    """Return what a library's file says."""
    lief.logging.disable()  # it complains about the ends of tables
    content = file.read_bytes()
    fat = lief.MachO.parse(str(file))
    if fat is None or len(fat) != 1:
        sys.exit(f"{file} is not a Mach-O file for one machine")
    binary = fat.at(0)
    needs = [one for one in binary.libraries if one.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB]
    names = [one.name for one in binary.libraries if one.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB]
    oldest = binary.build_version.minos if binary.has_build_version else []
    signature = binary.code_signature if binary.has_code_signature else None
    return Library(
        machine={"ARM64": "arm64", "X86_64": "x86_64"}[binary.header.cpu_type.name],
        name="".join(map(str, names)),
        minimum=".".join(map(str, oldest)),
        needs=tuple(str(one.name) for one in needs),
        rpaths=tuple(str(one.path) for one in binary.rpaths),
        imports=imports_of(binary),
        undefined=frozenset(str(one.name) for one in binary.symbols if one.raw_type & UNDEFINED_MASK == UNDEFINED),
        exports=frozenset(str(one.name) for one in binary.symbols if one.has_export_info),
        thread_locals=any(int(one.type) in THREAD_LOCAL_SECTIONS for one in binary.sections),
        has_uuid=bool(binary.has_uuid),
        signature=verify_signature(content, signature.data_offset, signature.data_size) if signature else UNSIGNED,
    )


# ---- Wheels


@dataclass(frozen=True)
class Row:
    """A library's line in the table, and its faults."""

    wheel: str
    library: str
    counts: str
    weak: tuple[str, ...]
    faults: tuple[str, ...]


def row(wheel: str, file: str, library: Library, expected: Expected) -> Row:
    places = {SYSTEM: "system", ENGINE_NAME: "engine", "": "Python"}
    counted = [sum(one.library == place for one in library.imports) for place in places]
    counts = ", ".join(f"{count} {name}" for count, name in zip(counted, places.values()) if count)
    weak = sorted(one.symbol for one in library.imports if one.weak and one.library == SYSTEM)
    absent = [f"{name} (absent)" if name not in expected.providers[SYSTEM] else name for name in weak]
    return Row(wheel, file, counts, tuple(absent), tuple(faults(library, expected)))


def check_wheel(wheel: Path, folder: Path) -> list[Row]:
    with zipfile.ZipFile(wheel) as opened:
        wrong = wheel_faults(wheel, opened.namelist())
        if wrong:
            return [Row(wheel.name, "the files", "", (), tuple(wrong))]
        opened.extractall(folder)
    named = WHEEL_NAME.fullmatch(wheel.name)
    assert named is not None
    machine, version = named[6], f"3.{named[2]}"
    system = macos_stubs.exports(STUBS.read_text(encoding="utf-8"), f"{machine}-macos", MINIMUM)
    engine = read(folder / "spprof" / ENGINE)
    python = read(macos_python.find(version, machine) / f"libpython{version}.dylib")
    providers = {SYSTEM: system, ENGINE_NAME: engine.exports, "": python.exports}
    extension = f"_engine.cpython-3{named[2]}-darwin.so"
    return [
        row(wheel.name, ENGINE, engine, Expected(machine, (ENGINE_NAME,), (), {SYSTEM: system})),
        row(
            wheel.name,
            extension,
            read(folder / "spprof" / extension),
            Expected(machine, EXTENSION_NAMES, ("@loader_path",), providers),
        ),
    ]


def check(wheels: Sequence[Path]) -> int:
    """Print a table of the wheels' libraries and every fault. Return the exit status."""
    if not STUBS.exists():
        macos_stubs.fetch(STUBS)
    rows: list[Row] = []
    for wheel in wheels:
        with tempfile.TemporaryDirectory() as folder:
            rows += check_wheel(wheel, Path(folder))
    for each in rows:
        print(f"{each.wheel}  {each.library}: {each.counts or '-'}; weakly: {', '.join(each.weak) or '-'}")
        for fault in each.faults:
            print(f"    {fault}")
    count = sum(len(each.faults) for each in rows)
    print(f"macOS {MINIMUM}: {len(wheels)} wheels, {len(rows)} libraries, {count} faults", flush=True)
    return 1 if count or not rows else 0


def main() -> None:
    sys.exit(check([Path(name) for name in sys.argv[1:]]))


if __name__ == "__main__":
    main()
