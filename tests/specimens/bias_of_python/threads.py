import json
import os
import threading

import spprof.memprof as memprof
from blocks import Family, allocate_blocks, live_sizes, pointers


def work():
    blocks = pointers(count)
    allocate_blocks(family, blocks, 600)
    kept.append(blocks)


kept = []
domain, count, at_a_time, batches = json.loads(os.environ["CASE"])
family = Family(domain)
memprof.start(1, seed=1)
for _ in range(batches):
    threads = [threading.Thread(target=work) for _ in range(at_a_time)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(live_sizes(memprof.get_snapshot(), "allocate_blocks")[600, 1024])
