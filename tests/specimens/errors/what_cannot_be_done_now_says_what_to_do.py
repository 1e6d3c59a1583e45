import re
import sys

import spprof.memprof as memprof

*before, last = sys.argv[1].split("; ")
for statement in before:
    exec(statement)
active = memprof.is_active()
try:
    exec(last)
except RuntimeError as error:
    assert re.search(sys.argv[2], str(error)), error
else:
    raise AssertionError("nothing was raised")
assert memprof.is_active() is active, "a refused call changes nothing"
