import types

import held

held.memprof.start(0)
keep = []


@types.coroutine
def pause():
    yield


async def numbers():
    keep.append(bytearray(70001))
    yield 1


async def inner():
    async for _ in numbers():
        await pause()
    keep.append(bytearray(70002))


async def outer():
    await inner()


running = outer()
running.send(None)  # until the pause
try:
    running.send(None)  # to the end
except StopIteration:
    pass
held.tell(70001, 70002)
