"""The disk is full at the second mark, so no more files can be written. The file written at the first mark remains."""

import resource
import sys
import time
import warnings
from pathlib import Path

import spprof
import spprof.memprof as memprof
from spprof.process import numbers

warnings.simplefilter("always")
warned = []
warnings.showwarning = lambda message, *where: warned.append(str(message))
memprof.start(256)
first = numbers.resident() + (16 << 20)
trigger = spprof.trigger(folder=sys.argv[1], when_rss=first)
held = [b"x" * (20 << 20)]
while not trigger.written:
    time.sleep(0.01)
path = Path(trigger.last_path)
before = path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
held.append(b"x" * first)
while not trigger.unwritten:
    time.sleep(0.01)
trigger.stop()
assert (trigger.written, trigger.unwritten) == (1, 1)
assert path.read_bytes() == before
assert [one.name for one in path.parent.iterdir()] == [path.name]
assert len(warned) == 1, warned
assert "cannot write a triggered snapshot: File too large" in warned[0], warned
