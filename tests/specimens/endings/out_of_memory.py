"""Use up all memory, then make a profile in the MemoryError's handler, in the way that the argument names."""

import os
import sys

import spprof
import spprof.memprof as memprof

OUTPUT = "x.html" if sys.argv[1] == "html" else "x.pb.gz"
kept = []


def exhaust():
    while True:
        kept.append("x" * 500 + str(len(kept)))


def saved(profile):
    profile.save(OUTPUT)
    assert os.path.getsize(OUTPUT) > 0


def snapshot():
    memprof.start()
    try:
        exhaust()
    except MemoryError:
        saved(memprof.get_snapshot())


def printed():
    memprof.start()
    try:
        exhaust()
    except MemoryError:
        assert "exhaust" in str(memprof.get_snapshot())


def block():
    profiler = memprof.MemoryProfiler()
    try:
        with profiler:
            exhaust()
    except MemoryError:
        saved(profiler.snapshot)


def profile():
    spprof.start(1)
    try:
        exhaust()
    except MemoryError:
        saved(spprof.stop())


def decorated():
    measured = spprof.profile(output_path=OUTPUT)(exhaust)
    try:
        measured()
    except MemoryError:
        assert measured.profile is not None
    assert os.path.getsize(OUTPUT) > 0


def profiler():
    measured = spprof.Profiler(output_path=OUTPUT)
    try:
        with measured:
            exhaust()
    except MemoryError:
        assert measured.profile is not None
    assert os.path.getsize(OUTPUT) > 0


def output_path():
    """The exit handler saves the profile. Our own handler, which was registered earlier, runs afterwards."""
    import atexit

    atexit.register(lambda: os.path.getsize(OUTPUT) > 0 or os._exit(1))
    spprof.start(output_path=OUTPUT)
    try:
        exhaust()
    except MemoryError:
        pass


WAYS = {
    "snapshot": snapshot,
    "html": snapshot,
    "print": printed,
    "block": block,
    "profile": profile,
    "decorated": decorated,
    "profiler": profiler,
    "output_path": output_path,
}
WAYS[sys.argv[1]]()
os.write(1, b"out of memory\nmade\n")
