"""Load a library with large data that its file does not contain, and write to some of it. Print by how much each part
has grown, and the unexplained part.

arguments: the library; how many bytes of it are written to
"""

import ctypes
import json
import sys

from spprof.heap import resident_memory


def parts():
    found = resident_memory.measure(None)
    return {**{part.name: part.bytes for part in found.parts}, "unexplained": found.unexplained_bytes}


library = ctypes.CDLL(sys.argv[1])
parts()
before = parts()
library.write_to(int(sys.argv[2]))
after = parts()
grown = {name: size - before[name] for name, size in after.items()}
print(json.dumps({**grown, "unexplained": after["unexplained"]}))
