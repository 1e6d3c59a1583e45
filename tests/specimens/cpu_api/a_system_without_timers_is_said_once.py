import warnings

import spprof
from spprof import _engine

real = _engine.cpu_start
_engine.cpu_start = lambda *arguments: (real(*arguments), "thread")[1]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    for _ in range(2):
        spprof.start()
        spprof.stop()
(one,) = caught
assert one.category is RuntimeWarning and "timer_create" in str(one.message)
assert one.filename == __file__
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        spprof.start()
    except RuntimeWarning:
        assert not spprof.is_active()
    else:
        raise AssertionError
