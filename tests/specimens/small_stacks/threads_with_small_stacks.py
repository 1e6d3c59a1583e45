"""Threads with 16 KB stacks, each of which uses a third of its own stack, alongside a thread with a larger one."""

import sys

import spprof
from small_stacks import burn_until, dropped, samples_of, stacks

(MODE,) = sys.argv[1:]

spprof.start(interval_ms=1, mode=MODE, native=True)
small = [stacks.start_thread(number, 300_000_000, 16384, 0, 5000) for number in range(4)]
large = stacks.start_thread(4, 300_000_000, 65536, 0, 0)
for number in range(5):
    if number == 4 or small[number]:
        stacks.join_thread(number)
burn_until(lambda: spprof.stats().collected_samples > 2)
assert samples_of(large) > 0
told = [samples_of(thread) for thread in small if thread]
spprof.stop()
assert sum(told) == 0, told
print(len(told), dropped("small_stack"))
