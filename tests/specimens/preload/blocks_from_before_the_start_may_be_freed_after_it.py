import spprof.memprof as memprof
from blocks import Family, allocate_blocks, free_blocks, pointers

family = Family("malloc")
blocks = [pointers(1000) for _ in range(3)]
for block in blocks:
    allocate_blocks(family, block, 3000)
memprof.start(0)
free_blocks(family, blocks[0])
memprof.stop()
free_blocks(family, blocks[1])
memprof.shutdown()
free_blocks(family, blocks[2])
stats = memprof.get_stats()
assert stats.collisions == 0 and stats.total_samples == stats.live_samples + stats.freed_samples
