"""A C program starts and ends Python ten times. The profiler ends with the first interpreter; the program continues."""

import os
import sys
import sysconfig
from pathlib import Path

from asked_for import bytearray_size
from embedded import with_shared_library, with_static_library
from rounds import MODE, check, compiled, finish, rounds, run_program

TIMES = 10
FIRST = (0, 0, 3)
"""The indices of the interpreters that start the profiler: the first one, or a later one."""

SCRIPT = """
import threading
import spprof.memprof as memprof

def allocate():
    return [bytearray(43_210) for _ in range(30)]

def seen():
    return sum(record[1] == {size} for record in memprof.get_snapshot().records())

if cycle == {first}:
    memprof.start(0, native={mode!r})
    held = allocate()
    assert seen() == 30, seen()
    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()
    assert seen() == 30, seen()
    if {stop}:
        memprof.stop()
    left_behind = allocate()
elif cycle > {first}:
    assert not memprof.is_active()
    try:
        memprof.start(0, native={mode!r})
    except RuntimeError as error:
        assert "shut down" in str(error), error
    else:
        raise AssertionError("shutting down is one way")
    before = memprof.get_stats()
    held = allocate()
    assert memprof.get_stats() == before
    kept = memprof.get_snapshot()
    assert len(kept.samples) + kept.own.live_samples == before.live_samples
"""


linked = with_shared_library() or with_static_library()
lives = 0
if linked is None:
    print("left out: this Python has no library to embed", flush=True)
else:
    program = compiled("embed", f"-I{sysconfig.get_path('include')}", *linked)
    os.environ["PYTHONHOME"] = f"{sys.base_prefix}:{sys.base_exec_prefix}"
    os.environ["PYTHONPATH"] = sysconfig.get_path("platlib")
    for number in rounds():
        script = Path("cycle.py")
        script.write_text(
            SCRIPT.format(size=bytearray_size(43_210), first=FIRST[number % 3], mode=MODE, stop=number % 2)
        )
        finished = run_program([program, str(TIMES), str(script)], MODE, None)
        check((finished.stdout, finished.stderr) == ("good\n", ""), str(finished))
        lives += TIMES
finish(lives=lives)
