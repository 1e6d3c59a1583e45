"""A thread that has no name when it is first seen, and sets one before the session ends."""

import _thread
import ctypes
import time

import spprof

PR_SET_NAME = 15
prctl = ctypes.CDLL(None).prctl


def burn(seconds: float) -> None:
    begin = time.thread_time()
    while time.thread_time() < begin + seconds:
        pass


def work(done: _thread.LockType, end: _thread.LockType) -> None:
    burn(0.5)
    prctl(PR_SET_NAME, b"late", 0, 0, 0)
    burn(0.01)
    done.release()
    end.acquire()


spprof.start(1)
done, end = _thread.allocate_lock(), _thread.allocate_lock()
done.acquire()
end.acquire()
_thread.start_new_thread(work, (done, end))
done.acquire()
print(*(thread.name for thread in spprof.stop().threads if thread.name != "MainThread"))
