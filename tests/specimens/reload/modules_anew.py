"""Start both profilers, import the package again in the way that the first argument names, and stop the profilers.

Prints how many times each file was written; atomic files are renamed into place.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import threading

import spprof
import spprof.memprof as memprof

written: list[str] = []
_rename = os.replace


def counting(source: str, target: str) -> None:
    written.append(os.path.basename(target))
    _rename(source, target)


def names() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "spprof"]


def import_anew(how: str) -> None:
    global spprof, memprof
    if how == "deleted":
        for name in names():
            del sys.modules[name]
        spprof = importlib.import_module("spprof")
        memprof = importlib.import_module("spprof.memprof")
    elif how == "package":
        importlib.reload(spprof)
    elif how == "each":
        for name in names():
            importlib.reload(sys.modules[name])
    elif how == "backwards":
        for name in reversed(names()):
            importlib.reload(sys.modules[name])
    else:
        importlib.reload(sys.modules[f"spprof.{how}"])


def burn() -> None:
    while spprof.stats().collected_samples < 5:
        pass


how, is_stopped = sys.argv[1], sys.argv[2] == "stops"
os.replace = counting
atexit.register(lambda: print(sorted(written)))  # this runs last
spprof.start(1, output_path="cpu.pb.gz")
named = threading.Thread(target=burn, name="named before")
named.start()
named.join()
del named
memprof.start(16, native="off")
kept = [bytearray(1 << 20) for _ in range(20)]
before = memprof.get_snapshot()
import_anew(how)
assert spprof.is_active() and memprof.is_active()
kept += [bytearray(1 << 20) for _ in range(20)]
assert memprof.get_snapshot().compare(before), "nothing has changed"
assert memprof.get_snapshot().live_samples >= 40
try:
    spprof.start()
    raise AssertionError("two at once")
except RuntimeError as error:
    print(error)
if is_stopped:
    profile = spprof.stop()
    assert profile.sample_count > 0
    memprof.stop()
    assert not spprof.is_active() and not memprof.is_active()
    spprof.start(output_path="second.pb.gz")
    spprof.stop()
