"""Release memory that malloc keeps. Print what was known before, what was released, and what remains."""

import json

import spprof.memprof as memprof
from dropped_cache import dropped


def resident():
    with open("/proc/self/smaps") as file:
        return 1024 * sum(int(line.split()[1]) for line in file if line.startswith("Rss:"))


kept = dropped()
memprof.start()
before = resident()
known = memprof.get_snapshot().resident
back = memprof.trim()
after = resident()
left = memprof.get_snapshot().resident
print(
    json.dumps(
        {
            "back": back,
            "less": before - after,
            "returnable": known.returnable_bytes,
            "free": known.part("malloc_free"),
            "left": left.returnable_bytes,
            "intact": all(one == bytes(len(one)) for one in kept),
        }
    )
)
