"""When lookups fail, the loader's answers and messages are the same before and after the start."""

import ctypes
import sys

import spprof.memprof as memprof
from lookups import handle_of, load

ours, bare = load(sys.argv[1]), handle_of(ctypes.CDLL(sys.argv[2]))
program = handle_of(ctypes.CDLL(None))
LOOKUPS = [
    (bare, b"malloc", None),
    (bare, b"malloc", b"GLIBC_2.17"),
    (program, b"malloc", b"GLIBC_1.1"),
    (program, b"mallocs", None),
    (program, b"", None),
    (None, b"malloc", b"nothing"),
    (None, b"nothing", None),
]


def told():
    return [ours.failure_of(*lookup) for lookup in LOOKUPS]


before = told()
assert b"found" not in before, before
memprof.start(0, native="patch")
assert told() == before, (told(), before)
assert ours.of_handle(program, b"malloc")  # a success after a failure
