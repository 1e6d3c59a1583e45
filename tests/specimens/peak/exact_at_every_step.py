"""Every allocation is sampled. At each of many steps, both peaks have the sites and bytes of a naive model.

Only the steps themselves are sampled; everything else runs while the profiler is paused. Besides its block, a step
creates small objects, some of which the interpreter keeps for reuse, or frees during a pause. So stacks of small blocks
are not compared, and steps that end with a heap about as large as a peak are left out.
"""

import collections
import ctypes
import os
import random
import sys

from spprof import _engine, memprof

STEPS = int(sys.argv[1])
SITES = 300
BLOCKS = 24
SMALL = 1000
CLOSE = 30_000

engine = ctypes.CDLL(_engine.library_path())
text = "".join(
    f"def make_{number}(size):\n    return bytearray(size)\n"
    f"def grow_{number}(block, more):\n    block.extend(more)\n"
    f"def shrink_{number}(block, size):\n    del block[size:]\n"
    for number in range(SITES)
)
made = {}
exec(compile(text, "generated.py", "exec"), made)


class Block:
    """A bytearray, and the function that its bytes are charged to, or None if they were not sampled."""

    def __init__(self, held, function):
        self.held = held
        self.function = function
        self.size = held.__alloc__()


blocks = []
peaks = {"peak": collections.Counter(), "window_peak": collections.Counter()}
active = True
chance = random.Random(int(sys.argv[2]))


def now():
    live = collections.Counter()
    for block in blocks:
        if block.function:
            live[block.function] += block.size
    return live


def call(function, *arguments):
    """Call the function with sampling on."""
    engine.spprof_resume()
    result = function(*arguments)
    engine.spprof_pause()
    return result


def too_close(added):
    total = sum(now().values()) + added
    return any(abs(total - sum(peak.values())) < CLOSE for peak in peaks.values())


def keep_peaks():
    live = now()
    for name, peak in peaks.items():
        if sum(live.values()) > sum(peak.values()):
            peaks[name] = live


def make():
    size = chance.randrange(5_000, 200_000)
    if len(blocks) == BLOCKS or too_close(size + 1):
        return
    function = f"make_{chance.randrange(SITES)}"
    held = call(made[function], size)
    blocks.append(Block(held, function if active else None))


def free():
    if blocks:
        block = blocks.pop(chance.randrange(len(blocks)))
        held = [block.held]
        del block.held
        call(held.clear)


def change(function, block, argument):
    held = block.held
    call(made[function], held, argument)
    if held.__alloc__() != block.size:
        block.size = held.__alloc__()
        block.function = function if active else None


def grow():
    if not blocks:
        return
    block = chance.choice(blocks)
    more = bytes(chance.randrange(1000, 50_000))
    length = len(block.held) + len(more)
    if any(too_close(size - block.size) for size in (length, length + (length >> 3) + 6, length + 1)):
        return
    change(f"grow_{chance.randrange(SITES)}", block, more)


def shrink():
    block = chance.choice(blocks) if blocks else None
    if block and block.size > 9000:
        change(f"shrink_{chance.randrange(SITES)}", block, len(block.held) // 3)


def switch():
    global active
    if active:
        memprof.stop()
    else:
        memprof.start(0, native="off")
    active = not active


def reset():
    memprof.reset_peak()
    peaks["window_peak"] = now()


def told(estimates):
    found = collections.Counter()
    for stack_id, sums in estimates._held:
        if sums.seen < SMALL * sums.samples:
            continue
        frame = next((frame for frame in estimates._frames_of(stack_id) if frame.is_python), None)
        if frame and frame.file == "generated.py":
            found[frame.function] += sums.value
    return found


memprof.start(0, native="off")
engine.spprof_pause()
for step in range(STEPS):
    growing = step // 60 % 2
    kinds = {make: 60 if growing else 15, free: 20 if growing else 60, grow: 20, shrink: 10, switch: 2, reset: 1}
    chance.choices(list(kinds), list(kinds.values()))[0]()
    keep_peaks()
    snapshot = memprof.get_snapshot()
    for name, peak in peaks.items():
        found = told(getattr(snapshot, name))
        assert found == peak, (step, name, found, peak)
    assert told(snapshot) == now(), (step, told(snapshot), now())
stats = memprof.get_stats()
assert not any(count for reason, count in stats.dropped_samples.items() if reason != "pending_frees_full"), stats
assert stats.evicted_stacks > 0 or "SPPROF_STACKS_MAX" not in os.environ, stats
print(stats.evicted_stacks, sum(peaks["peak"].values()))
