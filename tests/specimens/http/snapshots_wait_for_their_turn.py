"""Two simultaneous requests to a threaded server are both answered, one after the other."""

import threading

from asking import answer_of, get
from spprof import memprof
from spprof.http import heap_paths
from spprof.http.answers import Later

memprof.start(0)
inside, may_go = threading.Event(), threading.Event()
real, at_work, most = memprof.get_snapshot, [], []


def slow():
    at_work.append(1)
    most.append(len(at_work))
    inside.set()
    may_go.wait()
    try:
        return real()
    finally:
        at_work.pop()


memprof.get_snapshot = slow
answers = []
thread = threading.Thread(target=lambda: answers.append(answer_of(get("/heap"))))
thread.start()
inside.wait()
second = get("/allocs")
assert isinstance(second, Later) and second.seconds < 1
third = second.then()
assert isinstance(third, Later)
may_go.set()
thread.join()
answers.append(answer_of(third))
assert [answer.status for answer in answers] == [200, 200] and max(most) == 1

# A request does not wait indefinitely.
claim = heap_paths.Claim(heap_paths.SNAPSHOT, 1)
assert answer_of(get("/heap")).status == 429
claim.release()
assert answer_of(get("/heap")).status == 200
