"""Free half of many blocks. Print what the report finds in use and free, then twice again with system calls refused.

arguments: system calls that the kernel refuses, joined by "+"; the name of the error
"""

import errno
import json
import sys

import spprof.memprof as memprof
from spent import refuse


def told():
    found = memprof.get_snapshot().resident
    if found is None:
        return None
    assert found.rss_bytes == found.unexplained_bytes + sum(part.bytes for part in found.parts)
    return {name: found.part(name) for name in ("python_objects", "pymalloc_free", "native_blocks", "malloc_free")}


memprof.start(16, seed=1)
small, large = ([bytes(size) for _ in range(80_000)] for size in (200, 1000))
del small[::2], large[::2]
before = told()
for call in sys.argv[1].split("+"):
    refuse(call, getattr(errno, sys.argv[2]))
print(json.dumps([before, told(), told()]))
