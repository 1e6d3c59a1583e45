"""A library that looks among its own dependencies first, or only there, gets what it finds there."""

import os
import sys

import spprof.memprof as memprof
from lookups import handle_of, load

path, when = sys.argv[1:]
if when == "before":
    ours = load(path, os.RTLD_DEEPBIND)
memprof.start(0, native="patch")
if when == "after":
    ours = load(path, os.RTLD_DEEPBIND)
memprof.get_snapshot()
own = ours.of_handle(handle_of(ours), b"malloc")
assert ours.of_default(b"malloc") == own
assert ours.of_default_by_pointer(b"malloc") == own
assert ours.of_default(b"only_here")
assert not load(sys.argv[1].replace("binding", "lookups")).of_default(b"only_here")
