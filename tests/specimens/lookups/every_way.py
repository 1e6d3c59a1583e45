"""Check the result of each way of looking malloc up after the start."""

import ctypes
import sys

import spprof.memprof as memprof
from lookups import RTLD_NEXT, function, handle_of, is_counted, load, release

ours = load(sys.argv[1])
libc, program = handle_of(ctypes.CDLL("libc.so.6")), handle_of(ctypes.CDLL(None))
version = sys.argv[2].encode()


def found(name):
    return {
        "ctypes": ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value,
        "ctypes, libc": ctypes.cast(getattr(ctypes.CDLL("libc.so.6"), name), ctypes.c_void_p).value,
        "ctypes, interpreter": ctypes.cast(getattr(ctypes.PyDLL(None), name), ctypes.c_void_p).value,
        "program": ours.of_handle(program, name.encode()),
        "libc": ours.of_handle(libc, name.encode()),
        "library with dependencies": ours.of_handle(handle_of(ours), name.encode()),
        "version": ours.of_version(program, name.encode(), version),
        "default": ours.of_default(name.encode()),
        "default, by a pointer to dlsym": ours.of_default_by_pointer(name.encode()),
    }


original = ours.of_handle(libc, b"malloc"), ours.of_handle(libc, b"free")
# A program that is not position-independent has its own entry for malloc, which jumps to the hook.
has_entry = ours.of_handle(program, b"malloc") < 1 << 32
memprof.start(0, native=sys.argv[3])
mallocs, frees = found("malloc"), found("free")
for way, address in mallocs.items():
    assert is_counted(function(address), release(frees[way])), way
# If the library is preloaded, our hook has a symbol too.
assert len(set(mallocs.values())) == (1 + has_entry if sys.argv[3] == "patch" else 2), mallocs

# Libraries that are loaded later are covered too.
later = load(sys.argv[4])
assert later.of_handle(libc, b"malloc") == mallocs["libc"]

# Such a lookup of the next definition returns the hook.
assert (ours.of_next(b"malloc"), ours.of_next(b"free")) == original
assert ours.of_handle(RTLD_NEXT, b"malloc") == original[0]
assert ours.of_version(RTLD_NEXT, b"malloc", version) == original[0]
assert not is_counted(function(original[0]), release(original[1]))

# After a stop, the pointers remain valid.
memprof.stop()
release(frees["program"])(function(mallocs["program"])(100))
