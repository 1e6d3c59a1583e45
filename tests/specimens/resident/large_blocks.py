"""Touch a known part of some blocks, and print what the snapshot knows about each of them.

argument: "zeros", untouched memory; "read", memory that was only read; "half", the first half is written; "whole";
"forked", whole, while a child is alive that shares it
argument: system calls that the kernel refuses from then on, joined by "+"; "descriptors": all descriptors are used
"""

import ctypes
import errno
import os
import resource
import sys

import spprof.memprof as memprof

SIZE = 64 << 20
HEAD = bytes.__basicsize__


def zeros() -> bytes:
    """The block is from calloc, so only the object's header is touched."""
    return bytes(SIZE - HEAD)


def written(share: float) -> bytes:
    block = zeros()
    ctypes.memset(id(block) + HEAD - 1, 1, int((SIZE - HEAD) * share))
    return block


def lose(what: str) -> None:
    if what == "descriptors":
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        return
    from spent import refuse

    for call in filter(None, what.split("+")):
        refuse(call, errno.EPERM)


state, lost = sys.argv[1:]
memprof.start(0)
small = bytes(1000)
if state in ("zeros", "read"):
    block = zeros()
    assert state == "zeros" or block.count(b"\0") == len(block)
else:
    block = written(0.5 if state == "half" else 1.0)
ends = os.pipe()
child = os.fork() if state == "forked" else -1
if child == 0:
    os.close(ends[1])
    os.read(ends[0], 1)
    os._exit(0)
lose(lost)
samples = {sample.address: sample for sample in memprof.get_snapshot().samples}
large = samples[id(block)]
assert large.size == SIZE, large.size
os.close(ends[1])
if child > 0:
    os.waitpid(child, 0)
print(large.resident_bytes, samples[id(small)].resident_bytes)
