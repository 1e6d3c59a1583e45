import spprof
from gevent import monkey
from spent import check_seconds, names, spend

monkey.patch_all()
import socket

import gevent
from gevent.threadpool import ThreadPool


def serve():
    for _ in range(20):
        data = one.recv(4)
        answer()
        one.sendall(data)


def answer():
    spend(0.01)


def ask():
    for _ in range(20):
        other.sendall(b"ping")
        assert other.recv(4) == b"ping"
        digest()
        gevent.sleep(0)


def digest():
    spend(0.02)


def in_the_pool():
    spend(0.2)


one, other = socket.socketpair()
spprof.start(interval_ms=1)
pool = ThreadPool(2)
pooled = pool.spawn(in_the_pool)
gevent.joinall([gevent.spawn(serve), gevent.spawn(ask)], raise_error=True, timeout=600)
pooled.get(timeout=600)
profile = spprof.stop()
check_seconds(profile, "answer", 0.2, times=20)
check_seconds(profile, "digest", 0.4, times=20)
check_seconds(profile, "in_the_pool", 0.2)
for sample in profile.samples:
    told = set(names(sample))
    assert ("answer" in told) <= ("serve" in told), sample
    assert ("digest" in told) <= ("ask" in told), sample
    assert len(told & {"serve", "ask", "in_the_pool"}) <= 1, sample
pool.kill()
