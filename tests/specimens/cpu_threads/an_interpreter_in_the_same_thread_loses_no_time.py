import sys

import spprof
from spent import check_seconds, spend

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters


def run():
    interpreters.run_string(made, sys.argv[1])


made = interpreters.create()
spprof.start(interval_ms=1)
run()
spend(0.1)
profile = spprof.stop()
interpreters.destroy(made)
check_seconds(profile, "inner" if sys.version_info >= (3, 12) else "run", 0.3)
check_seconds(profile, "spend", 0.1)
