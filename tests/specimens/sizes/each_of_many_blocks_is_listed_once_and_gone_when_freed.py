from blocks import free_blocks, live
from many_blocks import COUNT, SIZE, assert_nothing_dropped, blocks, counted, family, hold, memprof

memprof.start(0)
hold()
memprof.stop()
snapshot = memprof.get_snapshot()
assert counted() == {(SIZE, 0): COUNT}, counted()
assert live(snapshot, "allocate_blocks", SIZE, SIZE) == (COUNT * SIZE, COUNT)
assert snapshot.live_samples == len(list(snapshot.records()))
# The objects of the calls themselves may have been freed since the snapshot.
assert COUNT <= memprof.get_stats().live_samples <= snapshot.live_samples + snapshot.own.live_samples
assert len({record[0] for record in snapshot.records()}) == snapshot.live_samples
free_blocks(family, blocks)
assert not counted(), counted()
assert_nothing_dropped()
