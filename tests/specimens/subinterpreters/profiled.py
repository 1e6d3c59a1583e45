"""While the main interpreter is profiling, others run, read, end and are replaced by new ones."""

import gc
import sys
import textwrap

import spprof
from asked_for import bytearray_size
from interpreter import Interpreter, in_threads
from spprof import memprof

RATE_KB = 100
SWAPS_RAW_ALLOCATOR = sys.version_info[:2] == (3, 12)
"""While an interpreter is being created, the process's RAW domain briefly has its default allocator. With native="off",
allocations and frees by other threads bypass our hook during that time, and a sample or a free may be missed.
"""

BIG = 8_000_000
"""Eighty times the sampling interval: such a block is certain to be sampled."""

KEEPS = """
    def keeps_{0}():
        return bytearray(8_000_000 + {0})

    kept = keeps_{0}()
"""


def python_frames(sample):
    return [(frame.function, frame.line) for frame in sample.stack if frame.is_python]


def stacks_of(size, snapshot):
    return [python_frames(sample) for sample in snapshot.samples if sample.size == bytearray_size(size)]


def heap_names():
    """In separate threads, a block's stack consists of the interpreter's own frames."""

    def keep(number):
        with Interpreter("isolated") as one:
            one.run(KEEPS.format(number))
            return stacks_of(BIG + number, memprof.get_snapshot())

    memprof.start(RATE_KB)
    told = in_threads(keep, range(4))
    assert told == [[[(f"keeps_{number}", 3), ("<module>", 5)]] for number in range(4)], told
    assert not [sample for sample in memprof.get_snapshot().samples if sample.size >= BIG]
    memprof.stop()


READ = """
    import spprof
    from asked_for import bytearray_size
    from spprof import memprof

    snapshot = memprof.get_snapshot()
    sizes = [sample.size for sample in snapshot.samples]
    stats = memprof.get_stats()
    (stack,) = [sample.stack for sample in snapshot.samples if sample.size == bytearray_size(8_000_000)]
    told = (
        memprof.is_active(),
        spprof.is_active(),
        sizes.count(bytearray_size(8_000_000)),
        [frame.function for frame in stack if frame.is_python],
        stats.sampling_rate_bytes,
        stats.native_mode,
        spprof.stats().is_active,
        spprof.stats().interval_ms,
    )
    snapshot.save("there.pb.gz")
    assert [row for row in snapshot.top_allocators(10_000) if row["function"] == "held_in_main"]
    assert snapshot.heap_bytes_interval()[0] <= snapshot.estimated_heap_bytes
"""


def held_in_main():
    return bytearray(BIG)


def read_there(kind):
    """Read a snapshot, and everything derived from it, in another interpreter."""
    memprof.start(RATE_KB, native="off")
    spprof.start(interval_ms=7)
    kept = held_in_main()
    with Interpreter(kind) as one:
        one.run(READ)
        told = one.ask("told")
    assert told == (True, True, 1, ["held_in_main", "read_there", "<module>"], RATE_KB * 1024, "off", True, 7.0), told
    del kept
    spprof.stop()
    memprof.stop()


MAKES = """
    text = "def named_{{0}}():\\n    return bytearray(8_000_000)\\nkept = named_{{0}}()\\n"
    for number in range({0}, {0} + 10):
        scope = {{}}
        exec(compile(text.format(number), f"made-{{number}}", "exec"), scope)
        kept = scope.pop("kept")
        scope.clear()  # the function refers to it: now it dies, and its code
"""


def code_dies(kind):
    """Code placed at the address of an ended interpreter's code has its own name."""
    memprof.start(RATE_KB, native="off")
    for first in range(0, 200, 10):
        with Interpreter(kind) as one:
            one.run(MAKES.format(first))
            last = first + 9
            expected = [(f"named_{last}", 2), ("<module>", 3)]
            assert [stack[:2] for stack in stacks_of(BIG, memprof.get_snapshot())] == [expected]
        assert stacks_of(BIG, memprof.get_snapshot()) == []
    assert memprof.get_stats().collisions == 0
    memprof.stop()


SPINS = """
    import threading
    from spprof import _engine

    def samples():
        own = threading.get_native_id()
        return sum(thread[2] for thread in _engine.cpu_profile()[2] if thread[0] == own)

    def spins_{0}():
        goal = samples() + 5
        while samples() < goal:
            for _ in range(20_000):
                pass

    spins_{0}()
    thread = threading.get_native_id()
"""


def functions(sample):
    return [frame.function for frame in sample.frames]


def cpu_names():
    """Interpreters in separate threads keep the names that the main interpreter gave those threads."""

    def spin(number):
        with Interpreter("isolated") as one:
            one.run(SPINS.format(number))
            return one.ask("thread")

    spprof.start(interval_ms=1)
    threads = in_threads(spin, range(3))
    profile = spprof.stop()
    for number, thread in enumerate(threads):
        stacks = [functions(sample) for sample in profile.samples if sample.thread_id == thread]
        own = [stack for stack in stacks if f"spins_{number}" in stack]
        assert len(own) >= 5, (number, stacks)
        assert all(stack[stack.index(f"spins_{number}") + 1 :] == ["<module>"] for stack in own), own
        others = {f"spins_{other}" for other in range(3)} - {f"spins_{number}"}
        assert not [stack for stack in stacks if others & set(stack)], stacks
    assert {thread.name for thread in profile.threads} >= {f"runs {number}" for number in range(3)}, profile.threads


def heap_of_all_under_another():
    """An interpreter other than the main one profiles."""
    with Interpreter("legacy") as one, Interpreter("legacy") as two, Interpreter("isolated") as three:
        one.run(f"from spprof import memprof\nmemprof.start({RATE_KB})")
        scope = {}
        exec(textwrap.dedent(KEEPS.format(0)), scope)
        for number, interpreter in enumerate((one, two, three), 1):
            interpreter.run(KEEPS.format(number))
        snapshot = memprof.get_snapshot()
        for number in range(4):
            (stack,) = stacks_of(BIG + number, snapshot)
            assert stack[:2] == [(f"keeps_{number}", 3), ("<module>", 5)], stack
        one.run("memprof.stop()")


LEAVES = """
    import os

    def leaves_{0}():
        os.environb[b"LEFT_{0}"] = b"x" * {1}

    leaves_{0}()
"""
LEFT = 6_000_000


def names_of_ended_interpreters(kind):
    """Stacks of CPU time and of unfreed C library blocks keep their names, whatever is later placed where the
    interpreter's code was. Interpreters run one at a time, because a starting interpreter reads the environment without
    a lock.
    """

    def leave(number):
        with Interpreter(kind) as one:
            one.run(LEAVES.format(number, LEFT + number))
            one.run(SPINS.format(number))
        with Interpreter(kind) as one:
            one.run(LEAVES.format(number + 50, 10))
            one.run(MAKES.format(number))

    memprof.start(RATE_KB, native="auto")
    spprof.start(interval_ms=1)
    for number in range(3):
        leave(number)
    snapshot, profile = memprof.get_snapshot(), spprof.stop()
    for number in range(3):
        size = len(f"LEFT_{number}=") + LEFT + number + 1
        (stack,) = [python_frames(sample) for sample in snapshot.samples if sample.size == size]
        assert stack[-2:] == [(f"leaves_{number}", 5), ("<module>", 7)], stack
        spun = [functions(sample) for sample in profile.samples if f"spins_{number}" in functions(sample)]
        assert len(spun) >= 5, profile.samples
        assert {stack[stack.index(f"spins_{number}") + 1] for stack in spun} == {"<module>"}, spun
    memprof.stop()


WORKS = """
    import spprof
    from spprof import memprof

    text = "def made_{0}(): return [bytearray(size) for size in range(0, 2_000, 3)]"
    for number in range(20):
        scope = {}
        exec(compile(text.format(number), f"made-{number}", "exec"), scope)
        assert len(scope[f"made_{number}"]()) == 667
        if number % 10 == 0:
            assert memprof.get_snapshot().total_samples > 0
            assert memprof.get_stats().total_samples > 0
            assert spprof.stats().is_active
"""


def come_and_go(kind, at_once):
    """Run interpreters under both profilers, which the main interpreter starts and stops."""

    def work(_):
        for _ in range(2):
            with Interpreter(kind) as one:
                one.run(WORKS)
        return True

    for rate_kb, native in ((1, "off"), (16, "auto")):
        memprof.start(rate_kb, native=native)
        spprof.start(interval_ms=1, native=native == "auto")
        assert in_threads(work, range(at_once)) == [True] * at_once
        spprof.stop()
        memprof.stop()
        gc.collect()
        stats = memprof.get_stats()
        if at_once == 1 or not SWAPS_RAW_ALLOCATOR:
            assert stats.collisions == 0, stats
            assert not any(stats.dropped_samples.values()), stats


def left_behind(kind):
    """Some interpreters still exist when the program ends, while both profilers are running."""
    memprof.start(0)
    spprof.start(interval_ms=1)
    kept = [Interpreter(kind) for _ in range(3)]
    for one in kept:
        one.run("import spprof\nkept = [bytearray(number) for number in range(1_000)]")
    print("ends", flush=True)
