import os
import sys
import threading
import warnings

import spprof.memprof as memprof
from asked_for import bytearray_size

THREADS, STOPPED, FORKS = int(sys.argv[1]), sys.argv[2] == "stopped", int(sys.argv[3])


warnings.simplefilter("ignore")  # about forking with threads, which is intended here


def churn():
    kept = []
    while not done.is_set():
        kept = [bytearray(number) for number in range(0, 5000, 50)] + kept[:50]
        running.set()


def mine(length):
    # Return the threads of the samples of bytearrays of this length.
    return [record[5] for record in memprof.get_snapshot().records() if record[1] == bytearray_size(length)]


def in_child():
    assert memprof.is_active() is not STOPPED
    assert len(mine(55_554)) == 1, "what was live in the parent is live here"
    block.pop()
    assert not mine(55_554)
    if STOPPED:
        memprof.start(0)
    held = bytearray(66_665)
    assert mine(66_665) == [threading.get_native_id()], "by the child's own thread"
    thread = threading.Thread(target=lambda: kept.append(bytearray(66_665)))
    kept = []
    thread.start()
    thread.join()
    assert len(mine(66_665)) == 2
    kept.clear()
    assert len(mine(66_665)) == 1
    memprof.stop()
    # Objects such as the call's own may be allocated and freed between the two. Once this settles, both agree.
    pairs = [(memprof.get_stats(), memprof.get_snapshot()) for _ in range(5)]
    assert all(stats.total_samples == stats.live_samples + stats.freed_samples for stats, _ in pairs)
    assert any(stats.live_samples == shot.live_samples + shot.own.live_samples for stats, shot in pairs), pairs
    memprof.start(64)


done, running = threading.Event(), threading.Event()
threads = [threading.Thread(target=churn, daemon=True) for _ in range(THREADS)]
for thread in threads:
    thread.start()
    running.wait()
memprof.start(0)
block = [bytearray(55_554)]
if STOPPED:
    memprof.stop()
for number in range(FORKS):
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            in_child()
            status = 7
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7, (number, status)
done.set()
for thread in threads:
    thread.join()
assert len(mine(55_554)) == 1 and not mine(66_665), "the parent has its own"
