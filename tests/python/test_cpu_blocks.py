"""What `spprof.Profiler` and the decorator `spprof.profile` promise, on the real engine."""

from __future__ import annotations

from child import Child
from preludes import OF_CPU as PRELUDE

# ---- Profiler


def test_a_block_is_profiled_also_if_it_raises(child: Child):
    child.run(
        PRELUDE
        + """
profiler = spprof.Profiler(1, output_path="x.txt")
try:
    profiler.profile
except RuntimeError as error:
    assert "after the block" in str(error)
def first_block(): busy(); raise KeyError
def second_block(): busy()
try:
    with profiler as same:
        assert same is profiler and spprof.is_active()
        first_block()
except KeyError:
    pass
first = profiler.profile
assert count(first, "first_block") >= 5 and os.path.exists("x.txt")
with profiler:
    second_block()
assert count(profiler.profile, "second_block") >= 5 and count(profiler.profile, "first_block") == 0
with profiler:
    busy()
    stopped = spprof.stop()
assert profiler.profile.sampled_ns == stopped.sampled_ns > 0
"""
    )


# ---- profile


def test_a_decorated_function_is_itself_and_has_its_profile(child: Child):
    child.run(
        PRELUDE
        + """
@spprof.profile
def bare(samples, *, answer):
    "Documented."
    busy(samples)
    return answer

@spprof.profile(2, mode="wall", output_path="x.json")
def given():
    busy()
    raise KeyError

assert (bare.__name__, bare.__doc__, bare.profile) == ("bare", "Documented.", None)
assert bare(5, answer=42) == 42
assert count(bare.profile, "bare") >= 5
assert bare.profile.interval_ms == 10
try:
    given()
except KeyError:
    pass
assert (given.profile.mode, given.profile.interval_ms) == ("wall", 2.0)
assert count(given.profile, "given") >= 5 and os.path.exists("x.json")
"""
    )


def test_a_call_while_a_profile_is_made_is_part_of_it(child: Child):
    child.run(
        PRELUDE
        + """
@spprof.profile(1)
def recursive(depth):
    busy()
    if depth:
        recursive(depth - 1)

recursive(4)
assert count(recursive.profile, "recursive") >= 25 and not spprof.is_active()
own = recursive.profile
spprof.start(1)
recursive(0)
assert spprof.is_active() and recursive.profile is own
assert count(spprof.stop(), "recursive") >= 5
threads = [threading.Thread(target=recursive, args=(1,)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not spprof.is_active()

spprof.start(1)
own, real = recursive.profile, _engine.cpu_is_active
_engine.cpu_is_active = lambda: False  # as a thread sees it that is just a little too late
recursive(0)
_engine.cpu_is_active = real
assert spprof.is_active() and recursive.profile is own
spprof.stop()
"""
    )


def test_methods_are_profiled_and_what_is_no_function_is_refused(child: Child):
    child.run(
        PRELUDE
        + """
class Thing:
    @spprof.profile(interval_ms=1)
    def method(self): busy(); return self
    @staticmethod
    @spprof.profile
    def static(): return 1
    @classmethod
    @spprof.profile
    def of_class(cls): return cls

thing = Thing()
assert thing.method() is thing and count(Thing.method.profile, "busy") >= 5
assert thing.static() == 1 and Thing.of_class() is Thing and Thing.static.profile
for wrong in (Thing, staticmethod(busy), classmethod(busy)):
    try:
        spprof.profile()(wrong)
    except TypeError as error:
        assert "decorate its methods" in str(error) or "put @spprof.profile below" in str(error)
    else:
        raise AssertionError(wrong)
"""
    )


def test_generators_are_profiled_to_their_end(child: Child):
    child.run(
        PRELUDE
        + """
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
two = generator(); next(two)
assert two.throw(KeyError()) == "thrown"
two.close()
assert not spprof.is_active()
"""
    )


def test_coroutines_and_asynchronous_generators_are_profiled_to_their_end(child: Child):
    child.run(
        PRELUDE
        + """
import asyncio, inspect

@spprof.profile(interval_ms=1)
async def coroutine(answer):
    busy()
    await asyncio.sleep(0)
    busy()
    return answer

@spprof.profile(interval_ms=1)
async def generator():
    busy()
    try:
        sent = yield 1
    except KeyError:
        sent = "thrown"
    busy()
    try:
        yield sent
    finally:
        closed.append(sent)

closed = []

async def main():
    assert await coroutine(42) == 42
    assert count(coroutine.profile, "busy") >= 10
    one = generator()
    assert (await one.__anext__(), spprof.is_active()) == (1, True)
    assert await one.asend("sent") == "sent"
    try:
        await one.__anext__()
    except StopAsyncIteration:
        pass
    assert not spprof.is_active() and count(generator.profile, "busy") >= 10
    two = generator()
    await two.__anext__()
    assert await two.athrow(KeyError()) == "thrown"
    await two.aclose()
    assert not spprof.is_active() and closed == ["sent", "thrown"]
    assert [value async for value in generator()] == [1, None]

assert inspect.iscoroutinefunction(coroutine) and inspect.isasyncgenfunction(generator)
asyncio.run(main())
"""
    )
