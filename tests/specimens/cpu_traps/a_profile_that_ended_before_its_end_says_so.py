import sys
import warnings

import spprof
from spprof import _engine

WHAT, WORDS = sys.argv[1:]

spprof.start(interval_ms=1)
honest = _engine.cpu_stats
_engine.cpu_stats = lambda: {**honest(), WHAT: True}
assert honest()[WHAT] is False
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    spprof.stop()
(warning,) = said
assert warning.category is RuntimeWarning and WORDS in str(warning.message), warning
assert warning.filename == __file__, warning
