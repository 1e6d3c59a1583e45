import asyncio

from specimen import allocate, memprof, tell

memprof.start(0)


async def leaf(size):
    await asyncio.sleep(0)
    allocate(size)


async def numbers():
    allocate(70003)
    yield 1


async def main():
    await leaf(70001)
    await asyncio.gather(leaf(70002))
    async for _ in numbers():
        pass
    asyncio.get_running_loop().call_soon(allocate, 70004)
    await asyncio.sleep(0)


asyncio.run(main())
tell(70001, 70002, 70003, 70004)
