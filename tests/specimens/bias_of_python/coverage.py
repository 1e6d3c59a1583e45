import spprof.memprof as memprof
from blocks import Family, allocate_blocks, free_blocks, pointers

family = Family("mem")
held = []
for seed in range(2000):
    blocks = pointers(640)
    with memprof.MemoryProfiler(4, seed=seed) as profiler:
        allocate_blocks(family, blocks, 96)
    free_blocks(family, blocks)
    for site in profiler.snapshot.top_allocators():
        if site["function"] == "allocate_blocks":
            held.append(site["low_bytes"] <= 640 * 96 <= site["high_bytes"])
print(sum(held) / len(held))
