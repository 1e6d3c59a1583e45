import asyncio
import inspect

import spprof
from of_cpu import busy, count


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
