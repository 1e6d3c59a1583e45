import errno
import threading
import warnings

import spprof
from spent import check_seconds, in_threads, refuse, seconds_in, spend

refuse("timer_create", errno.EPERM)
with warnings.catch_warnings(record=True) as said:
    spprof.start(interval_ms=2)
assert [one.category for one in said] == [RuntimeWarning], said
assert spprof.stats().ticks == "thread"


def working():
    spend(0.4)


def pausing():
    end.wait()


end = threading.Event()
pauses = threading.Thread(target=pausing)
pauses.start()
threads = in_threads(2, working)
end.set()
pauses.join()
profile = spprof.stop()
for thread in threads:
    check_seconds(profile, "working", 0.4, times=4, thread_id=thread.native_id)
assert seconds_in(profile, "pausing") < 0.1, "a thread that waits uses no CPU time"
