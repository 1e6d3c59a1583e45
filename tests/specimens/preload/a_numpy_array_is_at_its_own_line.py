import sys

import numpy as np
import spprof.memprof as memprof


def load():
    return np.zeros((10_000, 10_000))  # 800 MB, all untouched


memprof.start(int(sys.argv[1]), seed=1)  # numpy's small blocks on this line are not sampled
data = load()
(site,) = [s for s in memprof.get_snapshot().top_allocators() if s["function"] == "load"]
assert abs(site["estimated_bytes"] / 0.8e9 - 1) < 1e-3, site
assert site["low_bytes"] <= 0.8e9 <= site["high_bytes"] + 1e6
del data
assert not [s for s in memprof.get_snapshot().top_allocators() if s["estimated_bytes"] > 1e8]
