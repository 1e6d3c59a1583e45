import os

import spprof.memprof as memprof
from asked_for import bytearray_size

SIZE = bytearray_size(9_999)


def sampled():
    blocks = [bytearray(9_999) for _ in range(2000)]
    addresses = sorted(record[0] for record in memprof.get_snapshot().records() if record[1] == SIZE)
    del blocks
    return hash(tuple(addresses))


memprof.start(64)
sampled()
answers = set()
for _ in range(4):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, repr(sampled()).encode())
        os._exit(0)
    os.wait()
    answers.add(os.read(reading, 1000))
assert len(answers) == 4, answers
