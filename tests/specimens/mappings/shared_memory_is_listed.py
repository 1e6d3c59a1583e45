import sys
from multiprocessing import shared_memory

import spprof.memprof as memprof
from listed import made_in
from spprof import _engine

SIZE = 20_000_000
memprof.start(512, native=sys.argv[1])


def share():
    return shared_memory.SharedMemory(create=True, size=SIZE)


memory = share()
try:
    [listed] = [listed for listed in made_in("share") if listed.size >= SIZE]
    assert listed.size < SIZE + (64 << 10) and listed.kind == _engine.MAPPING_FILE, listed
finally:
    memory.close()
    memory.unlink()
assert not [listed for listed in made_in("share") if listed.size >= SIZE]
