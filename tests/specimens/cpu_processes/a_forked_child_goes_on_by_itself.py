import os

import spprof
from spent import check_seconds, in_threads, seconds_in, spend


def in_child():
    spend(0.3)


def in_parent():
    spend(0.3)


def in_thread():
    spend(0.2)


spprof.start(interval_ms=1)
in_parent()
pid = os.fork()
if pid == 0:
    in_child()
    threads = in_threads(2, in_thread)
    profile = spprof.stop()
    check_seconds(profile, "in_child", 0.3)
    check_seconds(profile, "in_thread", 0.4, times=2)
    assert seconds_in(profile, "in_parent") == 0, profile
    spprof.start(interval_ms=1)
    spend(0.1)
    check_seconds(spprof.stop(), "spend", 0.1)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
profile = spprof.stop()
check_seconds(profile, "in_parent", 0.3)
assert seconds_in(profile, "in_child") == 0, profile
