import os
import threading

import spprof
from of_cpu import busy


def work():
    while threading.get_native_id() not in sampled():
        busy(1)


def sampled():
    return {thread.thread_id for thread in spprof.cpu.running().threads if thread.samples}


alive, go = threading.Thread(target=lambda: (work(), go.wait()), name="alive"), threading.Event()
alive_before = threading.Thread(target=lambda: (began.wait(), work()), name="alive at the start")
began = threading.Event()
alive_before.start()
spprof.start(1)
began.set()
kept = threading.Thread(target=work, name="ended and kept")
kept.start()
alive.start()
kept.join()
alive_before.join()
work()
while alive.native_id not in sampled():
    busy(1)
ids = {thread.native_id: thread.name for thread in (kept, alive, alive_before)}
del alive_before
profile = spprof.stop()
go.set()
names = {thread.thread_id: thread.name for thread in profile.threads}
assert (profile.threads[0].thread_id, profile.threads[0].name) == (os.getpid(), "MainThread")
assert names == {os.getpid(): "MainThread", **ids}, (names, ids)
assert {sample.thread_name for sample in profile.samples if sample.thread_id} == {*names.values()}
for thread in profile.threads:
    own = [sample.weight_ns for sample in profile.samples if sample.thread_id == thread.thread_id]
    assert (thread.samples, thread.weight_ns) == (len(own), sum(own))
