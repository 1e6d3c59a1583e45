"""Hold blocks whose sizes are rounded up, and print by how much each part has grown.

arguments: how many blocks, and of how many bytes
"""

import json
import sys

from spprof import memprof

count, size = map(int, sys.argv[1:])
memprof.start(sampling_rate_kb=16, seed=1)
before = memprof.get_snapshot().resident
held = [bytes(size) for _ in range(count)]
after = memprof.get_snapshot().resident
print(json.dumps({part.name: part.bytes - before.part(part.name) for part in after.parts}))
