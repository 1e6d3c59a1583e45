import sys

import spprof
from spent import check_seconds, in_threads, spend

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters


def run():
    made = interpreters.create()
    interpreters.run_string(made, sys.argv[1])
    interpreters.destroy(made)
    spend(0.02)


spprof.start(interval_ms=1)
threads = in_threads(2, run)
profile = spprof.stop()
for thread in threads:
    check_seconds(profile, "inner", 0.3, times=2, thread_id=thread.native_id)
