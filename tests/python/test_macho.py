"""Our parsers applied to real Mach-O files: libraries of our own, compiled by zig, and CPython's for macOS.

LIEF says which symbols there are. Each function's first instructions say what its compact unwind description must be.
"""

from __future__ import annotations

import bisect
import platform
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cross import DEPENDENCIES, ROOT, output_of

lief = pytest.importorskip("lief", reason="LIEF is not here: make macho")
pytest.importorskip("ziglang", reason="zig is not here: make macho")

MACHINES = {"x86_64": "macosx-x86_64", "aarch64": "macosx-arm64"}
FRAMES = ("-fno-omit-frame-pointer", "-fomit-frame-pointer")
UNWIND = "src/core/unwind"
HOST = platform.machine()
READER = ["tests/macos/read_macho.c", "src/core/macho_file.c", "src/core/symbols.c"]
READER += ["src/core/symbols_format.c", "src/core/symbols_macho.c"]
READER += [f"{UNWIND}/{name}.c" for name in ("cfi", "compact_unwind", "describe_macho", "dwarf_reader", "eh_frame")]
READER += [*map(str, [*ROOT.glob("src/base/*.c"), *ROOT.glob(f"src/base/{HOST}/*.c")])]
OF_READER = {"x86_64": ("compact_row", "edge_row", "untabled"), "aarch64": ("compact_row", "edge_row")}
READER = [source for source in READER if not source.endswith("_macos.c")]
OF_OURS = [f"{UNWIND}/{name}.c" for name in ("cfi", "compact_unwind", "dwarf_reader", "eh_frame", "expression", "rule")]
OF_ARCHITECTURE = ("compact_row.c", "rule_kept.c")
FOR_MACOS = (
    "src/base/image_table.c src/base/macho_image.c src/base/objects_macos.c src/core/late_free.c src/core/macho_file.c "
    "src/core/symbols_macho.c src/core/unwind/describe_macho.c src/hooks/malloc_logger.c"
).split()
INCLUDED = ("include", "src", "src/base", "src/core", "src/core/{}", UNWIND, UNWIND + "/{}", "src/hooks")
FLAGS = "-std=gnu11 -O2 -D_GNU_SOURCE -DSPPROF_BUILDING_ENGINE".split()


def included(machine: str) -> list[str]:
    return [f"-I{ROOT / folder.format(machine)}" for folder in INCLUDED]


def compile_for_macos(machine: str, *words: str | Path) -> None:
    zig = (sys.executable, "-m", "ziglang", "cc", f"--target={machine}-macos.12.0")
    environment = {"PATH": "/usr/bin:/bin", "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig")}
    for_macos = ("-D_DARWIN_C_SOURCE", f"-I{ROOT / 'include/macos'}")
    output_of(*zig, *FLAGS, *for_macos, *included(machine), *words, environment=environment)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The program that prints what our parsers read, for each architecture."""
    folder = tmp_path_factory.mktemp("readers")
    made = {machine: folder / machine for machine in MACHINES}
    for machine, program in made.items():
        sources = [*READER, *(f"{UNWIND}/{machine}/{name}.c" for name in OF_READER[machine])]
        checks = ["-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        output_of("cc", *FLAGS, *checks, *included(machine), "-o", program, *sources, "-lpthread")
    return made


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Libraries by architecture: ours, with and without frame pointers, then CPython's."""
    folder = tmp_path_factory.mktemp("libraries")
    made = {machine: [folder / f"{machine}{option}.dylib" for option in FRAMES] for machine in MACHINES}
    for machine, files in made.items():
        sources = [*OF_OURS, *(f"{UNWIND}/{machine}/{name}" for name in OF_ARCHITECTURE)]
        for option, file in zip(FRAMES, files):
            # Symbols from our other files would be looked up when they are called, which never happens.
            compile_for_macos(machine, "-shared", "-undefined", "dynamic_lookup", option, "-o", file, *sources)
    for machine, name in MACHINES.items():
        pythons = list((DEPENDENCIES / "macos-python3.14" / name).glob("libpython*.dylib"))
        if not pythons:
            pytest.skip("CPython for macOS is not here: make macho")
        made[machine] += pythons
    return made


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("source", FOR_MACOS)
def test_parts_for_macos_compile_there(machine: str, source: str, tmp_path: Path) -> None:
    """Only one warning is off: Mach-O does not have protected symbols, which spprof/api.h requests."""
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-gnu-variable-sized-type-not-at-end", "-Wno-unsupported-visibility"]
    compile_for_macos(machine, *warnings, "-c", "-o", tmp_path / "object.o", source)


# ---- Symbols


def executable_sections(binary: lief.MachO.Binary) -> dict[int, lief.MachO.Section]:
    """Return the sections that contain instructions, keyed by their number, counted from 1."""
    return {number: one for number, one in enumerate(binary.sections, 1) if int(one.flags) & 0x80000400}


def expected_symbols(file: Path) -> tuple[list[int], dict[int, tuple[int, set[str]]]]:
    """Return addresses to look up and, for each one in a named function, the function's start and possible names."""
    binary = lief.MachO.parse(str(file)).at(0)
    code = executable_sections(binary)
    names: dict[int, set[str]] = {}
    home: dict[int, lief.MachO.Section] = {}
    for symbol in binary.symbols:
        if symbol.raw_type & 0xEE == 0x0E and symbol.numberof_sections in code:
            names.setdefault(symbol.value, set()).add(symbol.name.removeprefix("_"))
            home[symbol.value] = code[symbol.numberof_sections]
    functions = sorted(binary.function_starts.functions) if binary.has_function_starts else []
    begins = sorted(names)
    asked = sorted({start + more for start in {*functions, *begins} for more in (0, 1, 9)})
    expected = {}
    for address in asked:
        before = bisect.bisect_right(begins, address)
        function = bisect.bisect_right(functions, address)
        if before == 0:
            continue
        begin = begins[before - 1]
        stripped = function > 0 and functions[function - 1] > begin
        if not stripped and address < home[begin].virtual_address + home[begin].size:
            expected[address] = (begin, names[begin])
    return asked, expected


@pytest.mark.parametrize("machine", MACHINES)
def test_symbols_are_those_that_lief_reads(
    machine: str, readers: dict[str, Path], libraries: dict[str, list[Path]]
) -> None:
    for file in libraries[machine]:
        asked, expected = expected_symbols(file)
        assert len(expected) > 50
        given = "".join(f"{address:x}\n" for address in asked)
        ended = subprocess.run(
            [readers[machine], "symbols", file], input=given, encoding="utf-8", stdout=subprocess.PIPE, check=True
        )
        lines = [line.split(" ", 2) for line in ended.stdout.splitlines()]
        assert [int(line[0], 16) for line in lines] == asked
        found = {int(line[0], 16): (int(line[1], 16), line[2]) for line in lines if line[1] != "-"}
        assert found.keys() == expected.keys()
        assert [a for a, (start, name) in found.items() if start != expected[a][0] or name not in expected[a][1]] == []


# ---- Compact unwind


@dataclass
class Frame:
    """A frame as the prologue creates it, or as a description states it. Offsets are from the CFA."""

    by_frame_pointer: bool
    size: int  # from the CFA's register to the CFA
    saved: dict[int, int]


PUSHES = {b"\x53": 3, b"\x55": 6, b"\x41\x54": 12, b"\x41\x55": 13, b"\x41\x56": 14, b"\x41\x57": 15}


def prologue_x86_64(code: bytes) -> Frame:
    """Pushes, then `sub rsp`; `mov rbp, rsp` after the first push makes a frame pointer."""
    at, depth, saved, by_frame_pointer = 0, 8, {16: -8}, False
    while True:
        push = next((word for word in PUSHES if code[at:].startswith(word)), None)
        if push is not None:
            depth += 8
            saved[PUSHES[push]] = -depth
            at += len(push)
        elif code[at:].startswith(b"\x48\x89\xe5") and depth == 16:
            by_frame_pointer = True
            at += 3
        else:
            break
    if code[at:].startswith(b"\x48\x83\xec"):
        depth += code[at + 3]
    elif code[at:].startswith(b"\x48\x81\xec"):
        depth += struct.unpack_from("<I", code, at + 3)[0]
    elif code[at:].startswith(b"\x50"):  # push rax: room for a word
        depth += 8
    return Frame(by_frame_pointer, 16 if by_frame_pointer else depth, saved)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def prologue_aarch64(code: bytes) -> Frame:
    """`sub sp`, stores of pairs, `add x29, sp`."""
    depth, frame_pointer, saved = 0, None, {}
    for (word,) in struct.iter_unpack("<I", code[: len(code) // 4 * 4]):
        pair = (word & 31, word >> 10 & 31, word >> 5 & 31)
        offset = signed(word >> 15 & 127, 7) * 8
        if word & 0xFFC003FF == 0xD10003FF:  # sub sp, sp, #n
            depth += word >> 10 & 0xFFF
        elif word & 0xFFC00000 in (0xA9800000, 0x6D800000) and pair[2] == 31:  # stp a, b, [sp, #n]!
            depth -= offset
            offset = 0
        elif word & 0xFFC00000 not in (0xA9000000, 0x6D000000) or pair[2] != 31:  # stp a, b, [sp, #n]
            if word & 0xFFC003FF == 0x910003FD:  # add x29, sp, #n
                frame_pointer = depth - (word >> 10 & 0xFFF)
                break
            break
        if word & 0x3E000000 == 0x28000000:
            saved.update({pair[0]: offset - depth, pair[1]: offset - depth + 8})
    return Frame(frame_pointer is not None, frame_pointer if frame_pointer is not None else depth, saved)


PROLOGUES = {"x86_64": (prologue_x86_64, 6), "aarch64": (prologue_aarch64, 29)}


@pytest.mark.parametrize("machine", MACHINES)
def test_compact_descriptions_say_what_prologues_do(
    machine: str, readers: dict[str, Path], libraries: dict[str, list[Path]]
) -> None:
    decode, frame_pointer = PROLOGUES[machine]
    checked = other = in_eh_frame = 0
    for file in libraries[machine]:
        code = file.read_bytes()
        for line in output_of(readers[machine], "unwind", file).splitlines():
            start, end, _encoding, kind, *row = line.split()
            in_eh_frame += kind == "dwarf"
            if kind != "row":
                continue
            register, _, size = row[0].partition("+")
            saved = {int(number): int(offset) for number, offset in (word.split("@") for word in row[1:])}
            said = Frame(int(register) == frame_pointer, int(size), saved)
            done = decode(code[int(start, 16) : min(int(end, 16), int(start, 16) + 80)])
            done.saved = {number: offset for number, offset in done.saved.items() if number in said.saved}
            assert done.saved.items() <= said.saved.items(), line
            checked += said == done
            other += said != done
    print(f"{machine}: {checked} descriptions as the prologue, {other} not, {in_eh_frame} in __eh_frame")
    assert checked > 300
    assert other < checked / 10  # their prologue comes later, behind an early return


# ---- The edges of functions


def text_of(file: Path) -> tuple[bytes, list[int]]:
    """Return the file's bytes, at their addresses, and where the functions with a frame pointer begin, and the end."""
    binary = lief.MachO.parse(str(file)).at(0)
    return file.read_bytes(), sorted(binary.function_starts.functions)


def framed(lines: list[str], mode: str) -> list[tuple[int, int]]:
    """Return the ranges whose descriptions use the frame pointer."""
    words = [line.split() for line in lines]
    return [(int(start, 16), int(end, 16)) for start, end, encoding, *_ in words if encoding[1] == mode]


def change_aarch64(word: int) -> int:
    """Return by how much an instruction of a prologue or an epilogue moves the stack pointer."""
    if word & 0xFF8003FF in (0xD10003FF, 0x910003FF):
        size = (word >> 10 & 0xFFF) << (12 if word >> 22 & 1 else 0)
        return size if word & 0x40000000 == 0 else -size
    if word & 0x3A8003E0 == 0x288003E0:  # a pair, with write-back
        return signed(word >> 15 & 127, 7) * (16 if word >> 30 == 2 and word >> 26 & 1 else 8)
    if word & 0xFFA007E0 == 0xF80007E0:
        return signed(word >> 12 & 511, 9)
    return 0


def ends_path(word: int) -> bool:
    """Return whether the next instruction is not executed next: b, bl, br, blr, ret, brk."""
    return word & 0x7C000000 == 0x14000000 or word & 0xFE000000 == 0xD6000000 or word >> 24 == 0xD4


def edges_aarch64(code: bytes, start: int, end: int) -> dict[int, str]:
    """Follow a function's first instructions, and those in front of its returns."""
    words = [word for (word,) in struct.iter_unpack("<I", code[start : start + (end - start) // 4 * 4])]
    expected: dict[int, str] = {}
    depth = 0
    for i, word in enumerate(words[:20]):
        expected[start + 4 * i] = f"31+{depth}"
        depth -= change_aarch64(word)
        if word & 0xFFC003FF == 0x910003FD:  # add x29, sp, #n
            expected[start + 4 * i + 4] = "29+16"
            break
        if ends_path(word):
            expected = {}
            break
    else:
        expected = {}
    for i, word in enumerate(words):
        depth = 0
        for before in range(i, max(i - 16, 0), -1) if word == 0xD65F03C0 else ():  # from a return
            expected[start + 4 * before] = f"31+{depth}"
            previous = words[before - 1]
            if ends_path(previous):
                break
            if previous & 0xFF407FFF in (0xA9407BFD, 0xA8407BFD):  # ldp x29, x30
                expected[start + 4 * before - 4] = "29+16"
                break
            depth += change_aarch64(previous)
    return expected


def edges_x86_64(code: bytes, start: int, end: int) -> dict[int, str]:
    expected = {}
    if code[start : start + 4] == b"\x55\x48\x89\xe5":  # push rbp; mov rbp, rsp
        expected = {start: "7+8", start + 1: "7+16", start + 4: "6+16"}
    if code[end - 2 : end] == b"\x5d\xc3":  # pop rbp; ret
        expected |= {end - 2: "6+16", end - 1: "7+8"}
    return expected


EDGES = {"x86_64": (edges_x86_64, "1"), "aarch64": (edges_aarch64, "4")}


@pytest.mark.parametrize("machine", MACHINES)
def test_rows_at_the_edges_of_functions(
    machine: str, readers: dict[str, Path], libraries: dict[str, list[Path]]
) -> None:
    edges, mode = EDGES[machine]
    checked = wrong = 0
    for file in libraries[machine]:
        code, starts = text_of(file)
        ranges = framed(output_of(readers[machine], "unwind", file).splitlines(), mode)
        expected: dict[int, str] = {}
        for first, end in ranges:
            some = starts[bisect.bisect_left(starts, first) : bisect.bisect_left(starts, end)]
            for start, behind in zip(some, [*some[1:], end]):
                expected |= edges(code, start, behind)
        given = "".join(f"{address:x}\n" for address in sorted(expected))
        ended = subprocess.run(
            [readers[machine], "rows", file], input=given, encoding="utf-8", stdout=subprocess.PIPE, check=True
        )
        for line in ended.stdout.splitlines():
            address, *row = line.split()
            checked += 1
            if row[1:2] != [expected[int(address, 16)]]:
                wrong += 1
                if wrong < 20:
                    print(file.name, line, expected[int(address, 16)])
    print(f"{machine}: {checked} rows at the edges of functions, {wrong} not as expected")
    assert checked > 10000
    assert wrong == 0
