import os
import subprocess

import spprof
from spent import in_threads, spend, until_sampled


def run_many():
    for number in range(20):
        done = subprocess.run(["sh", "-c", f"exit {number}"], check=False)
        assert done.returncode == number
        assert subprocess.check_output(["echo", "said"]) == b"said\n"


spprof.start(interval_ms=1)
in_threads(3, run_many)
assert os.system("exit 3") == 3 << 8
until_sampled(1, spend, 0.01)
assert len(spprof.stop().samples) > 0
