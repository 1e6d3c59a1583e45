import spprof
from of_cpu import busy, count


@spprof.profile(interval_ms=1)
def generator():
    busy()
    try:
        sent = yield 1
    except KeyError:
        sent = "thrown"
    busy()
    yield sent
    return 7


one = generator()
assert not spprof.is_active()
assert (next(one), spprof.is_active()) == (1, True)
assert one.send("sent") == "sent"
try:
    next(one)
except StopIteration as stop:
    assert stop.value == 7
assert not spprof.is_active() and count(generator.profile, "busy") >= 10
two = generator()
next(two)
assert two.throw(KeyError()) == "thrown"
two.close()
assert not spprof.is_active()
