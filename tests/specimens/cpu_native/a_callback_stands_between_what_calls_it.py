import ctypes

import spprof
from spent import check_seconds, names, spend


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def compare(one, other):
    comparing()
    return -1


def comparing():
    spend(0.1)


def ordering():
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(), 2, 4, compare)


spprof.start(interval_ms=1, native=True)
ordering()
profile = spprof.stop()
check_seconds(profile, "comparing", 0.1, times=2)
for sample in profile.samples:
    if "comparing" in names(sample):
        python = [frame.function for frame in sample.frames if frame.is_python]
        assert python[-4:] == ["comparing", "compare", "ordering", "<module>"], sample
        between = names(sample)[names(sample).index("compare") + 1 : names(sample).index("ordering")]
        assert any("sort" in name for name in between), sample
