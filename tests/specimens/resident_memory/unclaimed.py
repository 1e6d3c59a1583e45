"""Memory that the program maps with its own system call, which no hook sees."""

import ctypes
import json
import mmap
import os

import spprof.memprof as memprof

SIZE = 128 << 20
NUMBERS = {"x86_64": 9, "aarch64": 222}

memprof.start()
call = ctypes.CDLL(None).syscall
call.restype = ctypes.c_void_p
how = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
machine = os.uname().machine
start = call(*map(ctypes.c_long, (NUMBERS[machine], 0, SIZE, mmap.PROT_READ | mmap.PROT_WRITE, how, -1, 0)))
ctypes.memset(start, 1, SIZE)
memory = memprof.get_snapshot().resident
print(json.dumps({"document": memory.document(), "memory": str(memory)}))
