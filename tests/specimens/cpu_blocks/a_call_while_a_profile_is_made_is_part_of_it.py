import threading

import spprof
from of_cpu import busy, count
from spprof import _engine


@spprof.profile(1)
def recursive(depth):
    busy()
    if depth:
        recursive(depth - 1)


recursive(4)
assert count(recursive.profile, "recursive") >= 25 and not spprof.is_active()
own = recursive.profile
spprof.start(1)
recursive(0)
assert spprof.is_active() and recursive.profile is own
assert count(spprof.stop(), "recursive") >= 5
threads = [threading.Thread(target=recursive, args=(1,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not spprof.is_active()

spprof.start(1)
own, real = recursive.profile, _engine.cpu_is_active
_engine.cpu_is_active = lambda: False  # the state that a thread sees if it is slightly too late
recursive(0)
_engine.cpu_is_active = real
assert spprof.is_active() and recursive.profile is own
spprof.stop()
