import sys
import threading

import spprof.memprof as memprof

memprof.start(512, native=sys.argv[1])

import mmap

from listed import made_in

SIZE = 50_000_000


def ring():
    return mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared mappings cannot grow from 3.15 on


memory = ring()
[listed] = made_in("ring")
assert listed.functions[0] == "ring" and listed.line == ring.__code__.co_firstlineno + 1, listed
assert SIZE <= listed.size < SIZE + (64 << 10), listed
assert listed.probability == 1 and listed.thread_id == threading.get_native_id(), listed
memory.resize(2 * SIZE)
[listed] = [listed for listed in made_in("<module>") if listed.size > SIZE]
assert 2 * SIZE <= listed.size < 2 * SIZE + (64 << 10) and listed.functions == ["<module>"], listed
memory.close()
assert not [listed for listed in made_in("<module>") if listed.size > SIZE]
print(memprof.get_stats().native_mode)
