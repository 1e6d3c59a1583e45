"""Make a hundred thousand nested calls. Print all threads' frames, the growth of the stacks, and the unexplained part.

argument: the thread that calls, "first" or "other"
"""

import json
import sys
import threading

from spprof import _engine
from spprof.heap import resident_memory
from spprof.process import thread_stacks

DEPTH = 100_000


def nested(depth, measured):
    if depth == 0:
        measured.append(resident_memory.measure(None))
        measured.append(sum(size for _, size in thread_stacks._WORDS.iter_unpack(_engine.frame_chunks())))
    else:
        nested(depth - 1, measured)


def stacks(found):
    return sum(part.bytes for part in found.parts if part.name == "thread_stacks")


def main():
    measured = []
    resident_memory.measure(None)
    before = resident_memory.measure(None)
    sys.setrecursionlimit(2 * DEPTH)
    thread = threading.Thread(target=nested, args=(DEPTH, measured))
    if sys.argv[1] == "other":
        thread.start()
        thread.join()
    else:
        thread.run()
    found, frames = measured
    print(json.dumps([frames, stacks(found) - stacks(before), found.unexplained_bytes]))


main()
