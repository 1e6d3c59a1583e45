"""Extract inputs for fuzz_eh_frame from real objects.

python3 tests/fuzz/seed_eh_frame.py FOLDER FILE...       also writes some that no compiler would produce
python3 tests/fuzz/run.py --merge FOLDER eh_frame        adds those that reach new code to the corpus

Each input is a separate image: a header, a sorted table of one function, its CIE and its FDE. Bytes are copied
unchanged; a relative address keeps its distance from its new position.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

PT_GNU_EH_FRAME = 0x6474E550
PC_RELATIVE_4 = 0x1B
COUNT_4 = 0x03
USUAL_TABLE = 0x3B
OMITTED = 0xFF
FORMS = ("image", "instructions", "expression")
HEADER = 12
PAIR = 8

# Encodings that no compiler writes, ordered by opcode number. The first four bytes of instructions are the CIE's.
INSTRUCTIONS = [
    "0c0708 900141 0e10 8602 41 0d06 44 c6 0c0708",  # push, mov, pop
    "0c0708 900a 0a 41 0e10 0a 41 0e20 41 0b 41 0b",  # nested states
    "0c0708 90 050380 01 0603 0703 0803 090305 2e10 2f0302 2d 2c",
    "0c0708 90 110302 120402 1302 140302 150302 0240 034000 0400000000 1d0000000000000000",
    "0c0708 90 0f0277080610030277081606013001 0000000000000000",
]
EXPRESSIONS = [
    "7708 80003f1a3b2a332422",  # from a procedure linkage table
    "7218 062308",
    "33341631241631 1c12 28f6ff 13",  # a loop that counts down
    "3112 28fcff",  # an endless loop
    "2ffdff",
    "08050901 0a0100 0b0200 0c01000000 0d02000000 0e0100000000000000 0f0200000000000000 10e58e26 119b7f 22222222",
    "31 32 33 34 12 14 1502 16 17 13 19 1a 1d 1e 1f 20 21",
    "0905 37 1b 35 1c 33 24 34 25 31 26 37 27 36 29 35 2a 34 2b 33 2c 32 2d 31 2e 96",
    "0e0000000000000080 09ff 1b",  # the minimum number divided by −1
    "720006 7208 9401 7210 9402 920700",
]


def entries_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the CIE and FDE of every function."""
    (at,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    segments = (struct.unpack_from("<IIQ", content, at + size * i) for i in range(count))
    header = next(offset for kind, _flags, offset in segments if kind == PT_GNU_EH_FRAME)
    (distance,) = struct.unpack_from("<i", content, header + 4)
    at = header + 4 + distance
    while (length := struct.unpack_from("<I", content, at)[0]) != 0:
        (to_cie,) = struct.unpack_from("<I", content, at + 4)
        if to_cie != 0:
            cie = at + 4 - to_cie
            cie_length = struct.unpack_from("<I", content, cie)[0]
            yield content[cie : cie + 4 + cie_length], content[at : at + 4 + length]
        at += 4 + length


def image_of(cie: bytes, fde: bytes, with_table: bool) -> tuple[bytes, int]:
    """Return the image and the function's address in it."""
    cie_at = HEADER + PAIR
    fde_at = cie_at + len(cie)
    start_at = fde_at + 8
    (distance,) = struct.unpack_from("<i", fde, 8)
    table = USUAL_TABLE if with_table else OMITTED
    header = struct.pack("<BBBBiI", 1, PC_RELATIVE_4, COUNT_4, table, cie_at - 4, 1)
    pair = struct.pack("<ii", start_at + distance, fde_at)
    moved = fde[:4] + struct.pack("<I", fde_at + 4 - cie_at) + fde[8:]
    return header + pair + cie + moved + bytes(4), start_at + distance


def inputs_of(content: bytes) -> Iterator[bytes]:
    """Yield one input for each program that differs from the earlier ones."""
    seen = set()
    for number, (cie, fde) in enumerate(entries_of(content)):
        program = cie + fde[16:]
        if program in seen or len(program) > 512:
            continue
        seen.add(program)
        image, start = image_of(cie, fde, with_table=number % 4 != 0)
        (length,) = struct.unpack_from("<I", fde, 12)
        yield struct.pack("<iBBH", start + length // 2, 0, 0, 0) + image


def hand_made() -> Iterator[tuple[str, bytes]]:
    for form, texts in (("instructions", INSTRUCTIONS), ("expression", EXPRESSIONS)):
        for number, text in enumerate(texts):
            control = struct.pack("<iBBH", 0, 0, FORMS.index(form), 4)
            yield f"{form}-{number}", control + bytes.fromhex(text)


def main() -> None:
    folder, files = Path(sys.argv[1]), map(Path, sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in hand_made():
        (folder / name).write_bytes(content)
    for file in files:
        for number, image in enumerate(inputs_of(file.read_bytes())):
            (folder / f"{file.name}-{number}").write_bytes(image)


if __name__ == "__main__":
    main()
