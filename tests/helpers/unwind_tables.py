"""Reads a file's call frame tables with the engine and with readelf.

python3 tests/helpers/unwind_tables.py FILE...        compares every row of the files
"""

from __future__ import annotations

import ctypes
import platform
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from native import compile_library

HERE = Path(__file__).parent
ENGINE = HERE.parents[1] / "src" / "core" / "unwind"

PT_LOAD = 1
PT_GNU_EH_FRAME = 0x6474E550
TABLE_ENCODING = 3  # a byte of .eh_frame_hdr
OMITTED = b"\xff"

Row = dict[str, str]  # "CFA" and registers by name


@dataclass
class Function:
    start: int
    end: int
    rows: dict[int, Row] = field(default_factory=dict)  # keyed by the first address where each applies


def compile_reader(folder: Path) -> Path:
    sources = [str(ENGINE / f"{name}.c") for name in ("dwarf_reader", "eh_frame", "cfi")]
    folders = [f"-I{ENGINE}", f"-I{ENGINE / platform.machine()}"]
    return compile_library(HERE / "unwind_tables.c", folder / "unwind_tables.so", *folders, *sources)


# ---- readelf ----

HEADING = re.compile(r"[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ (?:CIE|FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+))")


def functions_of_readelf(file: Path) -> list[Function]:
    """Return the functions by address. A function without instructions has the row of its CIE."""
    command = ["readelf", "--debug-dump=frames-interp", "--wide", str(file)]
    # The exit status is ignored, because readelf also reports separate debug information that was not found.
    text = subprocess.run(command, capture_output=True, encoding="utf-8", check=False).stdout
    text = text[text.index("Contents of the .eh_frame section") :].split("Contents of the .debug_frame section")[0]
    common: dict[int, dict[int, Row]] = {}
    functions = []
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        heading = HEADING.match(lines[0]) if lines else None
        if heading is None:
            continue
        rows = rows_of_readelf(lines[1:])
        if heading[1] is None:
            common[int(lines[0].split()[0], 16)] = rows
            continue
        start, end = int(heading[2], 16), int(heading[3], 16)
        functions.append(Function(start, end, rows or {start: common[int(heading[1], 16)][0]}))
    return sorted(functions, key=lambda function: (function.start, function.end))


def rows_of_readelf(lines: list[str]) -> dict[int, Row]:
    if not lines:
        return {}
    columns = lines[0].split()[1:]
    cells = (re.sub(r" \(\w+\)", "", line).split() for line in lines[1:])  # r3 (rbx)
    return {int(row[0], 16): dict(zip(columns, row[1:])) for row in cells}


# ---- The engine ----


class Tables:
    """The tables of a file as the engine reads them from the segment that contains them."""

    def __init__(self, reader: Path, file: Path) -> None:
        self._describe = ctypes.CDLL(str(reader)).describe_row
        self._describe.restype = None
        content = file.read_bytes()
        header = next(segment for segment in segments_of(content) if segment.kind == PT_GNU_EH_FRAME)
        loaded = next(
            segment
            for segment in segments_of(content)
            if segment.kind == PT_LOAD and segment.address <= header.address < segment.address + segment.size
        )
        self._bytes = ctypes.create_string_buffer(content[loaded.offset : loaded.offset + loaded.size], loaded.size)
        self._header = header.address - loaded.address
        self._shift = ctypes.addressof(self._bytes) - loaded.address

    def forget_sorted_table(self) -> None:
        self._bytes[self._header + TABLE_ENCODING] = OMITTED

    def row_at(self, address: int) -> tuple[Function, str]:
        """Return the function, and its row as a string of words ``register=rule``."""
        start, end, text = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.create_string_buffer(1024)
        self._describe(
            self._bytes,
            ctypes.c_size_t(len(self._bytes)),
            ctypes.c_size_t(self._header),
            ctypes.c_size_t(address + self._shift),
            ctypes.byref(start),
            ctypes.byref(end),
            text,
        )
        return Function(start.value - self._shift, end.value - self._shift), text.value.decode()


@dataclass(frozen=True)
class Segment:
    kind: int
    offset: int
    address: int
    size: int


def segments_of(content: bytes) -> Iterator[Segment]:
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for at in range(table, table + size * count, size):
        kind, _flags, offset, address, _physical, bytes_in_file = struct.unpack_from("<IIQQQQ", content, at)
        yield Segment(kind, offset, address, bytes_in_file)


# ---- Engine and readelf ----


def differences(tables: Tables, functions: list[Function]) -> list[str]:
    """List differences between the engine and readelf at the first or last address of a row."""
    found = []
    for function in functions:
        starts = sorted(start for start in function.rows if start < function.end)
        for start, end in zip(starts, [*starts[1:], function.end]):
            expected = function.rows[start]
            for address in {start, end - 1}:
                ours, text = tables.row_at(address)
                known = dict(word.split("=") for word in text.split() if "=" in word)
                same = (ours.start, ours.end) == (function.start, function.end)
                if not same or any(known.get(name) != rule for name, rule in expected.items() if name in known):
                    found.append(f"{address:#x}: {expected} in {function.start:#x}..{function.end:#x}, not {text}")
    return found


def described_gaps(tables: Tables, functions: list[Function]) -> list[str]:
    """List addresses between functions for which the engine returns a row although there is none."""
    found = []
    for before, after in zip(functions, functions[1:]):
        for address in {before.end, after.start - 1} if before.end < after.start else set():
            _, text = tables.row_at(address)
            if text != "none":
                found.append(f"{address:#x}: {text}")
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        reader = compile_reader(Path(folder))
        for file in map(Path, sys.argv[1:]):
            functions = functions_of_readelf(file)
            tables = Tables(reader, file)
            wrong = differences(tables, functions) + described_gaps(tables, functions)
            rows = sum(len(function.rows) for function in functions)
            print(f"{file}: {len(functions)} functions, {rows} rows, {len(wrong)} differences", *wrong[:20], sep="\n")


if __name__ == "__main__":
    main()
