"""Programs whose use of CPU time is known: each function measures itself with its thread's clock.

python tests/accuracy/cpu_workloads.py KIND CPU_SECONDS INTERVAL_MS    prints the true values and what a profile reports

The next function and the length of its burst are random. Most bursts are longer than the time between two samples, so
only the samples at their ends may be attributed to the wrong function.
"""

from __future__ import annotations

import asyncio
import collections
import http.client
import http.server
import json
import random
import resource
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import spprof

BURST_NS = 5_000_000
THREADS = 8
DEPTH = 40
SHARES = {"ninety": 90, "nine": 9, "one": 1}

Truth = collections.Counter  # nanoseconds of CPU time, keyed by function
Burst = Callable[[int, Truth], None]


def spend(length_ns: int, work: Callable[[], object]) -> int:
    """Use about this much of the calling thread's CPU time, and return the exact amount."""
    begin = time.thread_time_ns()
    while True:
        work()
        used = time.thread_time_ns() - begin
        if used >= length_ns:
            return used


def count() -> None:
    for _ in range(200):
        pass


# ---- Functions that use CPU time


def ninety(length_ns: int, truth: Truth) -> None:
    truth["ninety"] += spend(length_ns, count)


def nine(length_ns: int, truth: Truth) -> None:
    truth["nine"] += spend(length_ns, count)


def one(length_ns: int, truth: Truth) -> None:
    truth["one"] += spend(length_ns, count)


def even(depth: int, length_ns: int, truth: Truth) -> None:
    if depth > 0:
        odd(depth - 1, length_ns, truth)
    else:
        truth["even"] += spend(length_ns, count)


def odd(depth: int, length_ns: int, truth: Truth) -> None:
    if depth > 0:
        even(depth - 1, length_ns, truth)
    else:
        truth["odd"] += spend(length_ns, count)


def often(truth: Truth) -> Generator[None, int, None]:
    while True:
        truth["often"] += spend((yield), count)


def seldom(truth: Truth) -> Generator[None, int, None]:
    while True:
        truth["seldom"] += spend((yield), count)


def delegating(made: Generator[None, int, None]) -> Generator[None, int, None]:
    yield from made


async def awaited(length_ns: int, truth: Truth) -> None:
    await asyncio.sleep(0)
    truth["awaited"] += spend(length_ns, count)


def compressing(length_ns: int, truth: Truth) -> None:
    truth["compressing"] += spend(length_ns, lambda: zlib.compress(PAGE, 6))


def looping(length_ns: int, truth: Truth) -> None:
    truth["looping"] += spend(length_ns, count)


PAGE = " ".join(random.Random(1).choices("the quick brown fox jumps over".split(), k=8_000)).encode()


# ---- Order of the functions


def lengths(cpu_seconds: float, chance: random.Random) -> Iterator[int]:
    left = cpu_seconds * 1e9
    while left > 0:
        length_ns = round(BURST_NS * chance.uniform(0.5, 1.5))
        yield length_ns
        left -= length_ns


def run_bursts(cpu_seconds: float, bursts: dict[Burst, int], truth: Truth, seed: int = 1) -> None:
    """Run random bursts. ``bursts`` maps each burst to its relative frequency."""
    chance = random.Random(seed)
    for length_ns in lengths(cpu_seconds, chance):
        chance.choices(list(bursts), list(bursts.values()))[0](length_ns, truth)


THREE: dict[Burst, int] = {ninety: 90, nine: 9, one: 1}


def functions(cpu_seconds: float, truth: Truth) -> None:
    run_bursts(cpu_seconds, THREE, truth)


def threads(cpu_seconds: float, truth: Truth) -> None:
    truths: list[Truth] = [Truth() for _ in range(THREADS)]
    started = [
        threading.Thread(target=run_bursts, args=(cpu_seconds / THREADS, THREE, own, seed))
        for seed, own in enumerate(truths)
    ]
    for thread in started:
        thread.start()
    for thread, own in zip(started, truths):
        thread.join()
        truth.update(own)


def recursion(cpu_seconds: float, truth: Truth) -> None:
    chance = random.Random(2)
    depths = {DEPTH: 3, DEPTH + 1: 1}
    bursts: dict[Burst, int] = {
        lambda length_ns, truth, depth=depth: even(depth, length_ns, truth): part for depth, part in depths.items()
    }
    run_bursts(cpu_seconds, bursts, truth, chance.randrange(100))


def generators(cpu_seconds: float, truth: Truth) -> None:
    made = {delegating(often(truth)): 8, seldom(truth): 2}
    for generator in made:
        next(generator)
    bursts: dict[Burst, int] = {
        lambda length_ns, truth, generator=generator: generator.send(length_ns): part
        for generator, part in made.items()
    }
    bursts[lambda length_ns, truth: asyncio.run(awaited(length_ns, truth))] = 2
    run_bursts(cpu_seconds, bursts, truth)


def in_zlib(cpu_seconds: float, truth: Truth) -> None:
    run_bursts(cpu_seconds, {compressing: 3, looping: 1}, truth)


def in_numpy(cpu_seconds: float, truth: Truth) -> None:
    import numpy

    table = numpy.arange(50_000, dtype="f8")

    def sorting(length_ns: int, truth: Truth) -> None:
        truth["sorting"] += spend(length_ns, lambda: numpy.sqrt(table[::-1]).sort())

    run_bursts(cpu_seconds, {sorting: 3, looping: 1}, truth)


# ---- Threads that end before their timer expires

REQUEST_NS = 1_000_000
TIMER_SECONDS = 0.004
AT_ONCE = 4


def request(own: Truth, chance: random.Random) -> None:
    """Do the work of a short-lived thread: two functions, about a millisecond."""
    first, second = chance.choice([(ninety, nine), (nine, one), (one, ninety)])
    first(round(REQUEST_NS * chance.uniform(0.1, 1.0)), own)
    second(round(REQUEST_NS * chance.uniform(0.1, 1.0)), own)


def spent_ns(truths: list[Truth]) -> int:
    return sum(own.total() if hasattr(own, "total") else sum(own.values()) for own in truths)


def run_requests(cpu_seconds: float, truth: Truth, wait: Callable[[], object]) -> None:
    """Start threads for several requests at once, one thread per request, each time that ``wait`` returns."""
    chance, used_ns = random.Random(3), 0
    while used_ns < cpu_seconds * 1e9:
        wait()
        truths = [Truth() for _ in range(chance.randint(1, AT_ONCE))]
        started = [threading.Thread(target=request, args=(own, random.Random(chance.random()))) for own in truths]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        used_ns += spent_ns(truths)
        for own in truths:
            truth.update(own)


def thread_per_request(cpu_seconds: float, truth: Truth) -> None:
    """Start threads on a 4 ms timer, which is in step with the ticks of a 250 Hz kernel."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, TIMER_SECONDS, TIMER_SECONDS)
    run_requests(cpu_seconds, truth, lambda: signal.sigwait([signal.SIGALRM]))
    signal.setitimer(signal.ITIMER_REAL, 0)


def short_pools(cpu_seconds: float, truth: Truth) -> None:
    """Use pools that end after a few tasks of about a millisecond."""
    chance, used_ns = random.Random(4), 0
    while used_ns < cpu_seconds * 1e9:
        truths = [Truth() for _ in range(2 * AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for own in truths:
                pool.submit(request, own, random.Random(chance.random()))
        used_ns += spent_ns(truths)
        for own in truths:
            truth.update(own)


class Page(http.server.BaseHTTPRequestHandler):
    """Serve requests of 1 to 20 ms, as a development server does."""

    truths: ClassVar[list[Truth]] = []
    chance = random.Random(5)

    def do_GET(self) -> None:
        own = Truth()
        for _ in range(self.chance.choice([1, 1, 2, 20])):
            request(own, self.chance)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"done")
        self.truths.append(own)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def threading_server(cpu_seconds: float, truth: Truth) -> None:
    """The standard library's server, on which Django's development server is based: a thread per connection."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = False
    ask(server, cpu_seconds, Page.truths, truth)


def ask(server: http.server.HTTPServer, cpu_seconds: float, truths: list[Truth], truth: Truth) -> None:
    """Open one connection after another until the server's threads have used this much CPU time."""
    threading.Thread(target=server.serve_forever, name="server").start()
    while spent_ns(truths) < cpu_seconds * 1e9:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"done"
        connection.close()
    server.shutdown()
    server.server_close()
    for own in truths:
        truth.update(own)


def django_server(cpu_seconds: float, truth: Truth) -> None:
    """Django's development server, as ``manage.py runserver --noreload`` creates it."""
    import django
    from django.conf import settings
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    truths: list[Truth] = []

    def view(_: object) -> HttpResponse:
        own = Truth()
        for _ in range(Page.chance.choice([1, 1, 2, 20])):
            request(own, Page.chance)
        truths.append(own)
        return HttpResponse("done")

    class Handler(WSGIRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

    settings.configure(ROOT_URLCONF=(path("", view),), ALLOWED_HOSTS=["*"], SECRET_KEY="none", LOGGING_CONFIG=None)
    django.setup()
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler, ipv6=False)
    server.daemon_threads = False
    server.set_app(get_wsgi_application())
    ask(server, cpu_seconds, truths, truth)


SHORT_THREADS = (thread_per_request, short_pools, threading_server, django_server)
KINDS = {
    function.__name__: function
    for function in (functions, threads, recursion, generators, in_zlib, in_numpy, *SHORT_THREADS)
}


# ---- Reading a profile


def cpu_time_ns() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e9


def divided(profile: spprof.Profile, names: set[str]) -> dict[str, int]:
    """Return nanoseconds keyed by the innermost function in ``names``."""
    by_name: Truth = Truth()
    for sample in profile.samples:
        found = [frame.function.rpartition(".")[2] for frame in sample.frames]
        by_name[next((name for name in found if name in names), "")] += sample.weight_ns
    return dict(by_name)


def unattributed_ns(profile: spprof.Profile) -> int:
    return sum(s.weight_ns for s in profile.samples if s.frames[0].function == "<threads too short to sample>")


def main() -> None:
    kind, cpu_seconds, interval_ms = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    truth: Truth = Truth()
    spprof.start(interval_ms=interval_ms)
    before = cpu_time_ns()
    KINDS[kind](cpu_seconds, truth)
    used_ns = cpu_time_ns() - before
    profile = spprof.stop()
    weights = [sample.weight_ns for sample in profile.samples]
    told = {
        "truth": truth,
        "told": divided(profile, set(truth)),
        "samples": len(weights),
        "longest_ns": max(weights),
        "squares": sum(weight**2 for weight in weights),
        "total_ns": profile.total_ns,
        "unattributed_ns": unattributed_ns(profile),
        "used_ns": used_ns,
        "dropped": profile.dropped_count,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
