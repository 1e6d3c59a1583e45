import spprof
from spent import burners, tick


def send(number, *cookies):
    for cookie in cookies:
        assert burners.send_as_timer(number, cookie) == 0
    return spprof.stats().collected_samples


def counts():
    spprof.start(interval_ms=1000)
    number, cookie = tick()
    after_others = send(number, 0, 1, cookie ^ (1 << 40), 0xFFFFFFFFFFFFFFFF)
    after_ours = send(number, cookie)
    spprof.stop()
    return after_others, after_ours, send(number, cookie)  # the last one finds no session


told = [counts() for _ in range(3)]
assert (0, 1, 1) in told, told  # one of the thread's own ticks may also arrive
