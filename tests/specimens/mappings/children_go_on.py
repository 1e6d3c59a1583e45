import mmap
import os
import subprocess
import sys

import spprof.memprof as memprof
from listed import made_in

memprof.start(512, native=sys.argv[1])
SIZE = 4 << 20


def parent():
    return mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE)


def child():
    return mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE)


memory = parent()
process = os.fork()
if process == 0:
    own = child()
    assert [listed.size for listed in made_in("child")] == [SIZE]
    assert [listed.size for listed in made_in("parent")] == [SIZE]
    memory.close()
    assert not made_in("parent")
    os._exit(0)
assert os.waitpid(process, 0)[1] == 0
subprocess.run([sys.executable, "-c", "pass"], check=True)  # uses vfork from 3.10 on
assert [listed.size for listed in made_in("parent")] == [SIZE]
assert not made_in("child")
