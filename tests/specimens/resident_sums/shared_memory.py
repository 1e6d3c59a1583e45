"""Named shared memory, written by a child and read here, and a multiprocessing array."""

import sums

sums.begin()

import multiprocessing
from multiprocessing import shared_memory

SIZE = 60_000_000


def write(name):
    there = shared_memory.SharedMemory(name=name)
    there.buf[:] = bytes(1) * SIZE
    there.close()


context = multiprocessing.get_context("fork")
block = shared_memory.SharedMemory(create=True, size=SIZE)
child = context.Process(target=write, args=(block.name,))
child.start()
child.join()
total = sum(block.buf[0:SIZE:4096])
array = context.Array("d", 5_000_000, lock=False)
array[:] = [1.0] * len(array)
sums.end()
block.close()
block.unlink()
