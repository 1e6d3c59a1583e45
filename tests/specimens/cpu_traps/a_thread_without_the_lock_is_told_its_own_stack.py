import threading

import spprof
from spent import check_seconds, seconds_in, spend, spend_in_c


def releasing():
    spend_in_c(0.3)


def holding():
    spend(0.3)


spprof.start(interval_ms=1)
threads = [threading.Thread(target=function) for function in (releasing, holding)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
profile = spprof.stop()
for thread, own, other in zip(threads, ("releasing", "holding"), ("holding", "releasing")):
    check_seconds(profile, own, 0.3, thread_id=thread.native_id)
    assert seconds_in(profile, other, thread.native_id) == 0, profile
