"""Fork a child at each call of the first start, which runs in another thread and waits for each fork. Each child starts
both profilers, saves a page and ends. An alarm ends any child that waits for something held by its parent's thread.
"""

from __future__ import annotations

import _imp
import os
import signal
import sys
import threading

import spprof
import spprof.memprof as memprof
from spprof import on_demand

EVENTS = ("call", "c_call")


def child() -> None:
    signal.alarm(60)
    if not memprof.is_active():
        memprof.start(native="off")
    if not spprof.is_active():
        spprof.start()
    kept = [bytearray(1000) for _ in range(3000)]
    memprof.get_snapshot().save(f"{os.getpid()}.html")
    del kept
    spprof.stop()
    os._exit(0)


def fork_now(turn: threading.Semaphore, done: threading.Semaphore):
    def callback(frame, event, argument) -> None:
        del frame, argument
        if event in EVENTS and not _imp.lock_held() and not on_demand._lock._is_owned():  # a fork waits for both
            turn.release()
            done.acquire()

    return callback


def main() -> None:
    turn, done = threading.Semaphore(0), threading.Semaphore(0)
    ended = threading.Event()

    def starts() -> None:
        sys.setprofile(fork_now(turn, done))
        memprof.start(native="off")
        memprof.get_snapshot().save("parent.html")
        spprof.start()
        sys.setprofile(None)
        ended.set()
        turn.release()

    thread = threading.Thread(target=starts, daemon=True)
    thread.start()
    step, forks = int(sys.argv[1]), 0
    calls = 0
    while True:
        turn.acquire()
        if ended.is_set():
            break
        calls += 1
        if calls % step == 0 or calls < 40:
            forks += 1
            pid = os.fork()
            if pid == 0:
                child()
            assert os.waitpid(pid, 0)[1] == 0, f"the child of call {calls} did not end by itself"
        done.release()
    thread.join()
    assert forks > 20, forks
    print("all children ended")


main()
