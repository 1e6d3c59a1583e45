from blocks import free_blocks
from many_blocks import COUNT, assert_nothing_dropped, blocks, counted, family, hold, memprof
from spprof import _engine

memprof.start(0)
mapped = [_engine.stats()["mapped_bytes"]]
for _ in range(3):
    hold()
    mapped.append(_engine.stats()["mapped_bytes"])
    free_blocks(family, blocks)
memprof.stop()
assert 48 * COUNT < mapped[1] - mapped[0] < (48 / (3 / 8) + 2 * 64) * COUNT, mapped
assert mapped[3] <= mapped[1] + 2**20, mapped
assert not counted(), counted()
assert_nothing_dropped()
