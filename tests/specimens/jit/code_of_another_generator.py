"""A function that the JIT has compiled calls other generated code, which allocates. Print how many of its samples show
a nameless frame, and how many samples there are.
"""

import ctypes
import mmap

from spprof import memprof
from warm import is_generated

# sub rsp, 8; mov rax, malloc; call rax; add rsp, 8; ret
malloc = ctypes.cast(ctypes.CDLL(None).malloc, ctypes.c_void_p).value
code = b"\x48\x83\xec\x08\x48\xb8" + malloc.to_bytes(8, "little") + b"\xff\xd0\x48\x83\xc4\x08\xc3"
page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
allocate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(address)


def call_it(count):
    for _ in range(count):
        allocate(12_345)


call_it(6_000)
assert is_generated(call_it)
memprof.start(0)
call_it(100)
snapshot = memprof.get_snapshot()
stacks = [sample.stack for sample in snapshot.samples if sample.size == 12_345]
print(sum(any(frame.function.startswith("0x") for frame in stack) for stack in stacks), len(stacks))
