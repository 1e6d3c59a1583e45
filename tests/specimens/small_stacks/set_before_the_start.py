"""Signal stacks older than the session: the starting thread's and, if the library is preloaded, any other's."""

import os
import sys

import spprof
from small_stacks import TINY, burn_until, dropped, samples_of, stacks

WHERE, MODE = sys.argv[1:]

if WHERE == "main":
    assert stacks.use_signal_stack(TINY) == 0
else:
    assert stacks.start_thread(0, 400_000_000, 0, TINY, 0)
spprof.start(interval_ms=1, mode=MODE)
sampled = stacks.start_thread(1, 300_000_000, 0, 0, 0)
stacks.burn(300_000_000)
if WHERE == "main":
    child = os.fork()
    if child == 0:
        stacks.burn(100_000_000)
        assert stacks.use_signal_stack(0) == 0
        burn_until(lambda: spprof.stats().collected_samples > 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    stacks.use_signal_stack(0)
else:
    stacks.join_thread(0)
stacks.join_thread(1)
burn_until(lambda: spprof.stats().collected_samples > 2)
if WHERE != "main":
    assert samples_of(sampled) > 0, "others are found and sampled all the same"
spprof.stop()
print(dropped("small_signal_stack"))
