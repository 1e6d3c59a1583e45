"""24 threads allocate while another continuously loads and unloads an object, and starts a thread in it each time."""

import threading

import spprof.memprof as memprof
from rounds import SHORT, check_counters, finish, library, load_library, rounds, start_anew

SNAPSHOTS = 3 if SHORT else 20

loaded = load_library()
path = library("reloaded").encode()
steps = objects = 0
for number in rounds():
    start_anew(number)
    loaded.load_begin(24, number)
    loaded.reload_begin(path)
    for _ in range(SNAPSHOTS):
        memprof.get_snapshot()
        thread = threading.Thread(target=memprof.get_snapshot)
        thread.start()
        thread.join()
        start_anew(number)
    steps = loaded.load_end()
    objects += loaded.reload_end()
    check_counters()
finish(steps=steps, loaded=objects)
