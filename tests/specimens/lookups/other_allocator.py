"""If another allocator is preloaded, its functions are hooked, and libc's own are returned unchanged."""

import ctypes
import sys

import spprof.memprof as memprof
from lookups import function, handle_of, is_counted, load, release

ours = load(sys.argv[1])
libc, program = handle_of(ctypes.CDLL("libc.so.6")), handle_of(ctypes.CDLL(None))
own, own_free = ours.of_handle(libc, b"malloc"), ours.of_handle(libc, b"free")
other = ours.of_handle(program, b"malloc")
assert own != other
memprof.start(0, native="patch")
assert ours.of_handle(libc, b"malloc") == own
assert not is_counted(function(own), release(own_free))

hook = ours.of_handle(program, b"malloc")
assert hook != own
assert hook != other or other < 1 << 32  # the entry of a program that is not position-independent jumps to the hook
assert is_counted(function(hook), release(ours.of_handle(program, b"free")))
asked = ctypes.c_ulong.in_dll(ctypes.CDLL(None), "other_allocator_allocations")
before = asked.value
block = function(hook)(100)
assert asked.value > before
release(ours.of_handle(program, b"free"))(block)
