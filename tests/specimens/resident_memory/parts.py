"""A program with a dropped cache in malloc or in Python's pools. Print what its snapshot reports, and save it.

parts.py FILE (malloc | pools)
"""

import json
import sys

import spprof.memprof as memprof
from dropped_cache import dropped, dropped_small

memprof.start()
kept = dropped() if sys.argv[2] == "malloc" else dropped_small()
snapshot = memprof.get_snapshot()
memory = snapshot.resident
snapshot.save(sys.argv[1])
print(json.dumps({"document": memory.document(), "printed": str(snapshot), "memory": str(memory)}))
