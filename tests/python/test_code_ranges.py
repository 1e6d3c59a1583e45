"""The address range of a function's code (src/python/frames/code_ranges.h), which CPython 3.9 needs. Tested on our own
library.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
from pathlib import Path

import native
import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "src" / "python" / "frames"

SHT_SYMTAB, SHT_STRTAB, STT_FUNC = 2, 3, 2


def function(name: str, *, start: str, end: str) -> list[str]:
    """Return the assembly of three instructions that the symbol table calls ``name``, between two labels that the
    loader knows.
    """
    labels = [f".globl {start}, {end}", f"{start}:"]
    body = [f'.type "{name}", %function', f'"{name}":', "nop", "nop", "nop", f'.size "{name}", . - "{name}"']
    return [*(labels[:1] if start == name else labels), *body, f"{end}:", "nop"]


FUNCTIONS = [
    function("specimen", start="specimen", end="specimen_end"),
    function("specimen.part.0", start="part_start", end="part_end"),
    function("specimen.cold", start="cold_start", end="cold_end"),
    function("specimens.cold", start="longer_start", end="longer_end"),
    function("another_specimen.cold", start="within_start", end="within_end"),
    function("specimen.cold.7", start="numbered_start", end="numbered_end"),
]
LIBRARY = f"__asm__({json.dumps(chr(10).join(sum(FUNCTIONS, ['.text'])))});\n"


class Range(ctypes.Structure):
    _fields_ = (("start", ctypes.c_size_t), ("end", ctypes.c_size_t))


Ranges = list[tuple[int, int]]


def build(folder: Path, *options: str, text: str = LIBRARY) -> Path:
    include = f"-I{ROOT / 'include'}"
    source = str(SOURCES / "code_ranges_linux.c")
    return native.compile_text(text, folder / "specimen.so", "-D_GNU_SOURCE", include, source, *options)


def find(library: ctypes.CDLL, capacity: int = 8, function: str = "specimen") -> Ranges:
    ranges = (Range * 8)()
    library.sp_code_ranges_find.restype = ctypes.c_size_t
    count = library.sp_code_ranges_find(getattr(library, function), ranges, ctypes.c_size_t(capacity))
    return [(one.start, one.end) for one in ranges[:count]]


def own_range(library: ctypes.CDLL) -> tuple[int, int]:
    return address(library, "specimen"), address(library, "specimen_end")


def cold_ranges(library: ctypes.CDLL) -> Ranges:
    return [(address(library, f"{name}_start"), address(library, f"{name}_end")) for name in ("cold", "numbered")]


def address(library: ctypes.CDLL, label: str) -> int:
    return ctypes.cast(getattr(library, label), ctypes.c_void_p).value or 0


def test_function_is_found_with_the_parts_that_were_put_apart(tmp_path: Path) -> None:
    library = ctypes.CDLL(str(build(tmp_path)))
    own, *cold = find(library)
    assert own == own_range(library)
    assert sorted(cold) == cold_ranges(library)


def write_object(path: Path, symbols: list[tuple[str, int, int]], padding: int) -> None:
    """Write an object file with only a symbol table. Its names consist of ``padding`` bytes, then each symbol's name in
    order.
    """
    strings, entries = b"\0" + b"x" * padding + b"\0", b""
    for name, value, size in symbols:
        entries += struct.pack("<IBBHQQ", len(strings), STT_FUNC, 0, 1, value, size)
        strings += name.encode() + b"\0"
    sections = struct.pack("<IIQQQQIIQQ", 0, SHT_SYMTAB, 0, 0, 192, len(entries), 1, 0, 8, 24)
    sections += struct.pack("<IIQQQQIIQQ", 0, SHT_STRTAB, 0, 0, 192 + len(entries), len(strings), 0, 0, 1, 0)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 3, 0, 1, 0, 0, 64, 0, 64, 0, 0, 64, 2, 0)
    path.write_bytes(header + sections + entries + strings)


def test_names_are_found_across_the_pieces_in_which_the_table_is_read(tmp_path: Path) -> None:
    """The names are read in pieces of 8192 bytes, minus any incomplete name at the end of a piece."""
    path = build(tmp_path)
    library = ctypes.CDLL(str(path))
    maps = Path("/proc/self/maps").read_text().splitlines()
    base = min(int(line.split("-")[0], 16) for line in maps if line.endswith(str(path)))
    own, cold = own_range(library), cold_ranges(library)[0]
    symbols = [
        (name, start - base, end - start)
        for name, (start, end) in (("specimen.cold", cold), ("other", cold), ("specimen", own))
    ]
    path.unlink()  # the loaded copy stays unchanged
    for padding in (*range(8192 - 40, 8192 + 10), *range(2 * 8192 - 60, 2 * 8192 + 10)):
        write_object(path, symbols, padding)
        assert find(library) == [own, cold], padding


def test_no_more_parts_are_told_than_there_is_room_for(tmp_path: Path) -> None:
    library = ctypes.CDLL(str(build(tmp_path)))
    assert [len(find(library, capacity)) for capacity in range(5)] == [0, 1, 2, 3, 3]


def test_of_a_stripped_library_the_exported_function_alone_is_known(tmp_path: Path) -> None:
    library = ctypes.CDLL(str(build(tmp_path, "-s")))
    assert find(library) == [own_range(library)]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x7fELF", b"\x7fELF\x02\x01\x01" + b"\xff" * 4096, None],
    ids=["empty", "cut", "nonsense", "library"],
)
def test_another_file_in_the_librarys_place_is_not_believed(tmp_path: Path, content: bytes | None) -> None:
    """The other file may even be a complete library, with the function at a different address."""
    library = ctypes.CDLL(str(build(tmp_path)))
    other = tmp_path / "other"
    other.mkdir()
    replacement = build(other, text="int before(int x) { return x * x * 3; }\n" + LIBRARY)
    if content is not None:
        replacement.write_bytes(content)
    os.replace(replacement, tmp_path / "specimen.so")
    assert find(library) == [own_range(library)]


def test_what_is_no_functions_start_has_no_range(tmp_path: Path) -> None:
    library = ctypes.CDLL(str(build(tmp_path)))
    assert find(library, function="cold_end") == []
