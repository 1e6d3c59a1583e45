"""Allocate large malloc blocks directly above the arenas of Python's pools, which start at any page. Print the size of
the blocks, the growth of malloc's part, and the unexplained part.
"""

import json

from spprof.heap import resident_memory

PAGE = 4096


def part(found, name):
    return sum(one.bytes for one in found.parts if one.name == name)


def main():
    small = [bytes(300) for _ in range(2000)]
    before = resident_memory.measure(None)
    large, total = [], 0
    for number in range(64):
        size = 131_072 + PAGE * number
        large.append(b"x" * size)
        total += size
        small += [bytes(400) for _ in range(2600)]  # larger than an arena, which the system places below the block
    found = resident_memory.measure(None)
    grown = part(found, "native_blocks") - part(before, "native_blocks")
    print(json.dumps([total, grown, found.unexplained_bytes]))


main()
