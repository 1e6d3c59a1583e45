"""The profiler calls methods, GC callbacks, handlers and functions of the program, which allocate."""

import gc
import os
import signal
import sys
from contextlib import suppress

import spprof
import spprof.memprof as memprof
from asked_for import bytearray_size
from of_memory import sizes

kept = {}


def keep(size):
    """Allocate a block, but only once."""
    if size not in kept:
        kept[size] = bytearray(size)


class Count:
    """A number for ``top_allocators``."""

    def __index__(self):
        keep(1_000_100)
        return 1


class Path(os.PathLike):
    def __fspath__(self):
        keep(1_000_200)
        signal.raise_signal(signal.SIGUSR1)
        return sys.argv[1] + ".pb.gz"


class Finder:
    """An import hook."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "dataclasses":
            keep(1_000_300)


def on_signal(number, frame):
    keep(1_000_400)


def on_collection(phase, info):
    keep(1_000_500)


@spprof.profile
def profiled():
    keep(1_000_600)


signal.signal(signal.SIGUSR1, on_signal)
sys.meta_path.insert(0, Finder)
memprof.start(0)
snapshot = memprof.get_snapshot()
snapshot.top_allocators(Count())
snapshot.save(Path())
sys.modules.pop("dataclasses", None)
with suppress(AttributeError):
    snapshot.live_samples = 0  # imports the exception that dataclasses raise
gc.callbacks.append(on_collection)
gc.set_threshold(1)
memprof.get_snapshot()
gc.set_threshold(700, 10, 10)
profiled()
of_library = spprof.profile(bytes.fromhex)  # only our own frame is below its caller's
kept[1_000_700] = of_library("00" * 1_000_700)
memprof.stop()
assert len(kept) == 7, len(kept)
found = [size for size in sizes(memprof.get_snapshot()) if size < 1_001_000]
expected = [bytearray_size(1_000_000 + 100 * number) for number in range(1, 7)] + [sys.getsizeof(kept[1_000_700])]
assert found == expected, (found, expected)
