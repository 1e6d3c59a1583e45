"""Fork while another thread is in a decorated function."""

import os
import threading

import spprof


def spend():
    number = 2_000_000
    while number:
        number -= 1


is_inside, may_end = threading.Event(), threading.Event()


@spprof.profile
def waits():
    is_inside.set()
    may_end.wait()


@spprof.profile
def works():
    spend()


thread = threading.Thread(target=waits)
thread.start()
is_inside.wait()
child = os.fork()
if child == 0:
    works()
    print(works.profile is not None, flush=True)
    os._exit(0)
os.waitpid(child, 0)
works()
print(works.profile)
may_end.set()
thread.join()
works()
print(works.profile is not None)
