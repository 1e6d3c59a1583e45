"""The program's own mappings: of a file, private and shared; anonymous; and one that is partly touched."""

import sums

sums.begin()

import mmap
import tempfile

SIZE = 40_000_000
file = tempfile.TemporaryFile()
file.truncate(SIZE)
mapped = [mmap.mmap(-1, SIZE), mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)]
mapped += [mmap.mmap(file.fileno(), SIZE), mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_COPY)]
for one in mapped:
    for offset in range(0, SIZE, 4096):
        one[offset] = 1
partly = mmap.mmap(-1, 10 * SIZE)
for offset in range(0, SIZE // 2, 4096):
    partly[offset] = 1
sums.end()
