import spprof
from spent import check_seconds, in_threads, spend, spend_in_c


def later():
    spend(0.2)


def in_c():
    spend_in_c(0.2)


spprof.start(interval_ms=1)
python = in_threads(3, later)
mixed = in_threads(2, in_c)
profile = spprof.stop()
for thread in python:
    check_seconds(profile, "later", 0.2, thread_id=thread.native_id)
for thread in mixed:
    check_seconds(profile, "in_c", 0.2, thread_id=thread.native_id)
