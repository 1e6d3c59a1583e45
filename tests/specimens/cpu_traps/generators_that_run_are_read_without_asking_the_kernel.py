import errno
import time

import spprof
from spent import names, refuse, until_sampled


def yielding():
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        for _ in range(200):
            pass
    yield


async def awaiting(depth):
    if depth:
        await awaiting(depth - 1)
    else:
        next(yielding())


def running():
    try:
        awaiting(20).send(None)
    except StopIteration:
        pass


def sampled(times):
    spprof.start(interval_ms=1)
    until_sampled(times, running)
    return spprof.stop()


sampled(1)  # from here on, all code is known
refuse("process_vm_readv", errno.EFAULT)
profile = sampled(100)
inside = [sample for sample in profile.samples if "yielding" in names(sample)]
assert len(inside) > 50 and profile.dropped["torn"] < 0.1 * len(inside), profile
for sample in inside:
    callers = ["running", "until_sampled", "sampled", "<module>"]
    assert names(sample) == ["yielding", *["awaiting"] * 21, *callers], sample
