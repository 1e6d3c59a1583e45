"""Whatever allocates below, and whoever else hooks it: each block is counted once and its free is seen."""

from __future__ import annotations

import json
import math
import sys

import pytest
from child import Child
from native import blocks_environment

DOMAINS = ["raw", "mem", "obj"]
ALLOCATORS = ["default", "malloc", "pymalloc", "debug", "malloc_debug", "pymalloc_debug", "mimalloc"]
EVERY_MODE = pytest.mark.parametrize("native", ["off", "patch", "preload"])
BRIEF_MODES = pytest.mark.parametrize(
    "native", [pytest.param("off", marks=pytest.mark.long), "patch", pytest.param("preload", marks=pytest.mark.long)]
)
BRIEF = [("default", "off"), ("default", "patch"), ("default", "preload"), ("malloc", "patch"), ("mimalloc", "patch")]
EVERY_ALLOCATOR_AND_MODE = pytest.mark.parametrize(
    ("allocator", "native"),
    [
        pytest.param(allocator, native, marks=() if (allocator, native) in BRIEF else pytest.mark.long)
        for allocator in ALLOCATORS
        for native in ("off", "patch", "preload")
    ],
)
"""Where every Python does the same, the others than the first run a few."""
TIMES = 6.5
"""So many standard errors an estimate may be off: a false alarm in 10¹⁰ for each number."""
DEBUG_BYTES_MAX = 64
"""What a debug layer may add to a block that its pool hands down: it is counted as it reaches malloc."""


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return blocks_environment(tmp_path_factory.mktemp("blocks"))


# ---- Every allocator --------------------------------------------------------------------------------------------

EVERY_BLOCK = """
    import json
    import os

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers

    def measure(family, count, size, rate_kb, seed):
        # Bytes and objects: all of them live, half of them live, ever allocated.
        def now():
            return live(memprof.get_snapshot(), "allocate_blocks", size, size + added)

        blocks = pointers(count)
        before = allocated(memprof.get_snapshot(), "allocate_blocks")
        memprof.start(rate_kb, seed=seed, native=NATIVE)
        allocate_blocks(family, blocks, size)
        held = now()
        ever = allocated(memprof.get_snapshot(), "allocate_blocks")
        free_blocks(family, blocks, 2)
        half = now()
        memprof.stop()
        free_blocks(family, blocks)
        assert now() == (0, 0), "after stop, frees are followed"
        return [*held, *half, ever[0] - before[0], ever[1] - before[1]]

    added = int(os.environ["ADDED"])
    memprof.start(0, native=NATIVE)
    memprof.stop()
    results = {
        domain: [measure(Family(domain), *case) for case in cases]
        for domain, cases in json.loads(os.environ["CASES"]).items()
    }
    stats = memprof.get_stats()
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
    print(json.dumps(results))
"""

CALL_BYTES_MAX = 4096
"""What ctypes itself allocates for one call, on the same line."""

EXACT = [(1000, 512), (1000, 513), (100, 5000), (10, 300_000)]  # count, size
SAMPLED = [(20_000, 100), (5_000, 505), (5_000, 600)]  # 505 bytes leave the pool under a debug layer


def run(child: Child, program: str, native: str, *, environment: dict[str, str] | None = None) -> str:
    """Runs the program, whose NATIVE is this mode."""
    return child.run(program.replace("NATIVE", repr(native)), preload=native == "preload", environment=environment)


def allocator_environment(allocator: str, child: Child) -> dict[str, str]:
    if allocator == "default":
        return {"PYTHONMALLOC": ""}
    if child.attempt("", environment={"PYTHONMALLOC": allocator}).returncode != 0:
        pytest.skip(f"this Python {sys.version.split()[0]} has no allocator named {allocator}")
    return {"PYTHONMALLOC": allocator}


@EVERY_ALLOCATOR_AND_MODE
def test_each_block_is_counted_once(child: Child, blocks: dict[str, str], allocator: str, native: str) -> None:
    """Sampled, within TIMES standard errors."""
    added = DEBUG_BYTES_MAX if "debug" in allocator else 0
    of_all = [(*case, 0, None) for case in EXACT] + [(*case, 1, 1) for case in SAMPLED]
    cases = {
        "raw": [(10_000, 40, 0, None), *of_all],
        "mem": [(10_000, 40, 0, None), *of_all],
        "obj": [(100_000 if native == "off" else 10_000, 40, 0, None), *of_all],
    }
    environment = {
        **blocks,
        **allocator_environment(allocator, child),
        "CASES": json.dumps(cases),
        "ADDED": str(added),
    }
    results = json.loads(run(child, EVERY_BLOCK, native, environment=environment))
    for domain in cases:
        for (count, size, rate_kb, _), (held, held_objects, half, half_objects, ever, _) in zip(
            cases[domain], results[domain]
        ):
            odds = math.exp(-size / 1024) / -math.expm1(-size / 1024) if rate_kb else 0
            error = TIMES * math.sqrt(odds / count)
            near = pytest.approx
            where = f"{domain}: {count} blocks of {size} bytes at {rate_kb} KB"
            assert held_objects == near(count, rel=error + added / size), where
            assert half_objects == near(count / 2, rel=math.sqrt(2) * error + added / size), where
            assert size * (1 - error) <= held / count <= (size + added) * (1 + error), where
            assert size * (1 - error * math.sqrt(2)) <= half / count * 2, where
            # Totals are kept in 1/256 byte, rounded for each sample.
            assert held * (1 - 1e-5) <= ever <= held + CALL_BYTES_MAX * (1 + 5 * rate_kb), where
            if not rate_kb:
                assert (held_objects, half_objects) == (count, count / 2), where


# ---- Reallocations ----------------------------------------------------------------------------------------------

GROWN_AND_SHRUNK = """
    import itertools

    import spprof.memprof as memprof
    from blocks import Family

    def first(size):
        block = family.malloc(size)
        assert block
        return block

    def first_zeroed(size):
        block = family.calloc(1, size)
        assert block
        return block

    def resized(block, size):
        block = family.realloc(block, size)
        assert block
        return block

    def held():
        snapshot = memprof.get_snapshot()
        watched = [(record[1], record[6]) for record in snapshot.records() if record[1] in WATCHED]
        here = ("first", "first_zeroed", "resized")
        return [size for size, stack_id in watched if snapshot.site_key(stack_id).function in here]

    # Sizes that the calls themselves do not ask for.
    WATCHED = {101, 333, 487, 3333, 50001}
    for name in ("raw", "mem", "obj"):
        family = Family(name)
        assert held() == [] if memprof.is_active() else memprof.start(0, native=NATIVE) is None
        for start in (first, first_zeroed):
            for sizes in itertools.product([101, 487, 50001], [333, 3333], [101, 50001]):
                block = start(sizes[0])
                assert held() == [sizes[0]], (name, sizes, held())
                for size in sizes[1:]:
                    block = resized(block, size)
                    assert held() == [size], (name, sizes, size, held())
                family.free(block)
                assert held() == [], (name, sizes, held())
        block = first(101)
        moved = family.realloc(block, 0)  # Python's own return a block; it is not one that is watched
        assert held() == [], name
        family.free(moved)
        block = first(101)
        memprof.stop()
        block = resized(block, 487)  # after stop, a moved sample ends
        assert held() == [], name
        family.free(block)
        memprof.start(0, native=NATIVE)
    stats = memprof.get_stats()
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
"""


@BRIEF_MODES
def test_a_block_that_moves_is_the_same_block(child: Child, blocks: dict[str, str], native: str) -> None:
    """Every allocation sampled: one entry, of the latest size, whichever side of the pool's limit it was and is on."""
    run(child, GROWN_AND_SHRUNK, native, environment={**blocks, "PYTHONMALLOC": ""})


REALLOC_TO_NOTHING = """
    import spprof.memprof as memprof
    from blocks import Family, live_sizes

    def first():
        return family.malloc(4321)

    family = Family("malloc")
    memprof.start(0, native=NATIVE)
    for size in (0, 2**62):  # the first frees, the second fails and changes nothing
        block = first()
        assert live_sizes(memprof.get_snapshot(), "first", 4321, 4321) == {(4321, 0): 1}
        assert family.realloc(block, size) is None
        left = live_sizes(memprof.get_snapshot(), "first", 4321, 4321)
        assert left == ({(4321, 0): 1} if size else {}), (size, left)
    family.free(block)
    assert not live_sizes(memprof.get_snapshot(), "first", 4321, 4321)
"""


def test_realloc_to_nothing_frees_and_a_failed_one_does_not(child: Child, blocks: dict[str, str]) -> None:
    run(child, REALLOC_TO_NOTHING, "preload", environment=blocks)


SMALL_REALLOCS = """
    import json
    import os

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers, resize_blocks

    results = []
    for name in ("mem", "obj"):
        family = Family(name)
        blocks = pointers(int(os.environ["COUNT"]))
        with memprof.MemoryProfiler(1, seed=1, native=NATIVE) as profiler:
            allocate_blocks(family, blocks, 24)
            for size in json.loads(os.environ["STEPS"]):
                resize_blocks(family, blocks, size)
        ever = allocated(profiler.snapshot, "resize_blocks")
        held = live(profiler.snapshot, "resize_blocks", size, size)
        free_blocks(family, blocks)
        assert live(memprof.get_snapshot(), "resize_blocks", size, size) == (0, 0)
        results.append([*ever, *held])
    stats = memprof.get_stats()
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
    print(json.dumps(results))
"""
STEPS = [48, 130, 131, 250, 480, 300, 300, 90, 400, 16, 200]


@EVERY_ALLOCATOR_AND_MODE
def test_small_reallocs_are_charged_once(child: Child, blocks: dict[str, str], allocator: str, native: str) -> None:
    """All of the new size, once, within TIMES standard errors."""
    count = 20_000
    environment = {
        **blocks,
        **allocator_environment(allocator, child),
        "COUNT": str(count),
        "STEPS": json.dumps(STEPS),
    }
    results = json.loads(run(child, SMALL_REALLOCS, native, environment=environment))
    # A debug layer adds to blocks that no pool keeps.
    added = DEBUG_BYTES_MAX if allocator == "malloc_debug" else 0
    odds = [math.exp(-size / 1024) / -math.expm1(-size / 1024) for size in STEPS]
    for ever, ever_objects, held, held_objects in results:
        error = TIMES * math.sqrt(count * sum(size**2 * odd for size, odd in zip(STEPS, odds)))
        assert -error <= ever - count * sum(STEPS) <= error + count * len(STEPS) * added + 100 * 1024
        error = TIMES * math.sqrt(count * sum(odds))
        assert abs(ever_objects - count * len(STEPS)) <= error + 100
        if not added:
            error = TIMES * math.sqrt(count * odds[-1])
            assert abs(held_objects - count) <= error
            assert abs(held - count * STEPS[-1]) <= error * STEPS[-1]


# ---- Frees ------------------------------------------------------------------------------------------------------

FREED_ELSEWHERE = """
    import threading

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, free_blocks, live_sizes, pointers

    def in_thread(*call):
        thread = threading.Thread(target=call[0], args=call[1:])
        thread.start()
        thread.join()

    def held(size):
        return sum(live_sizes(memprof.get_snapshot(), "allocate_blocks", size, size).values())

    for number, name in enumerate(FAMILIES):
        family = Family(name)
        for rate_kb in (0, 1):
            for size in (200, 700, 70_000):
                size += number
                blocks = pointers(500)
                memprof.start(rate_kb, seed=7, native=NATIVE)
                allocate_blocks(family, blocks, size)
                assert held(size) == 500 if rate_kb == 0 else 0 < held(size), (name, size)
                in_thread(free_blocks, family, blocks)
                assert held(size) == 0, (name, size)
                in_thread(allocate_blocks, family, blocks, size)
                assert held(size) > 0, (name, size)
                memprof.stop()
                free_blocks(family, blocks)
                assert held(size) == 0, (name, size)
    stats = memprof.get_stats()
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
"""


@EVERY_MODE
def test_frees_by_other_threads_and_after_stop_are_seen(child: Child, blocks: dict[str, str], native: str) -> None:
    families = DOMAINS + ["malloc"] * (native == "preload")
    run(child, FREED_ELSEWHERE.replace("FAMILIES", repr(families)), native, environment=blocks)


COUNTED_BY_PYTHON = """
    import sys

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, free_blocks, pointers

    def use(rate_kb):
        memprof.start(rate_kb, seed=1, native=NATIVE)
        for size in (40, 500, 600):
            allocate_blocks(family, blocks, size)
            free_blocks(family, blocks)
        memprof.stop()

    family = Family("obj")
    blocks = pointers(20_000)
    use(0)
    sys._debugmallocstats()
    before = sys.getallocatedblocks()
    for rate_kb in (0, 1, 0):
        use(rate_kb)
    drift = sys.getallocatedblocks() - before
    assert abs(drift) < 200, drift  # out of 180,000 allocations
    memprof.start(0, native=NATIVE)
    allocate_blocks(family, blocks, 40)
    counted = sys.getallocatedblocks() - before
    assert abs(counted - 20_000) < 200, counted
    sys._debugmallocstats()
"""


@EVERY_MODE
def test_the_interpreters_own_count_does_not_drift(child: Child, blocks: dict[str, str], native: str) -> None:
    finished = child.attempt(
        COUNTED_BY_PYTHON.replace("NATIVE", repr(native)), preload=native == "preload", environment=blocks
    )
    assert finished.returncode == 0, finished.stderr
    assert "# arenas allocated total" in finished.stderr


# ---- What Python itself allocates -------------------------------------------------------------------------------

SIZES_OF_OBJECTS = """
    import sys

    import spprof.memprof as memprof
    from blocks import live

    def grow_list(grown):
        for _ in range(100_000):
            grown.append(None)

    def grow_dict(grown):
        for key in KEYS:
            grown[key] = None

    def grow_set(grown):
        for key in KEYS:
            grown.add(key)

    def grow_bytearray(grown):
        for _ in range(1000):
            grown += CHUNK

    def make_string(length):
        return CHARACTER * length

    KEYS = [str(number) for number in range(50_000)]
    CHUNK = bytes(100)
    CHARACTER = "\\u00e9"
    memprof.start(0, native=NATIVE)
    for grow, empty in ((grow_list, []), (grow_dict, {}), (grow_set, set()), (grow_bytearray, bytearray())):
        before = sys.getsizeof(empty)
        grow(empty)
        held, _ = live(memprof.get_snapshot(), grow.__name__, 1000)
        assert held == sys.getsizeof(empty) - before, (grow, held, sys.getsizeof(empty) - before)
        del empty
    for length in (10, 400, 600, 10_000, 3_000_000):
        text = make_string(length)
        size = sys.getsizeof(text)
        assert live(memprof.get_snapshot(), "make_string", size, size) == (size, 1), length
        del text
"""


@EVERY_MODE
def test_containers_hold_what_getsizeof_says(child: Child, blocks: dict[str, str], native: str) -> None:
    run(child, SIZES_OF_OBJECTS, native, environment={**blocks, "PYTHONMALLOC": ""})


# ---- Other tools' hooks -----------------------------------------------------------------------------------------

DISPLACED = """
    import tracemalloc

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, free_blocks, live, pointers

    def held():
        return live(memprof.get_snapshot(), "allocate_blocks", 4000, 4000)[1], live(
            memprof.get_snapshot(), "allocate_blocks", 40, 40
        )[1]

    families = [Family(name) for name in ("raw", "mem", "obj")]
    tracemalloc.start()
    memprof.start(0, native=NATIVE)
    tracemalloc.stop()  # puts back what was there when it started: our hooks are gone
    blocks = [(family, pointers(100), size) for family in families for size in (40, 4000)]
    for family, block, size in blocks:
        allocate_blocks(family, block, size)
    assert held() == (0, 0), held()  # which put them in anew
    displaced = memprof.get_stats().dropped_samples["hook_displaced"]
    assert displaced == 3, displaced
    for family, block, size in blocks:
        free_blocks(family, block)
        allocate_blocks(family, block, size)
    assert held() == (300, 300), held()
    for family, block, size in blocks:
        free_blocks(family, block)
    assert held() == (0, 0), held()
    memprof.stop()
    memprof.start(0, native=NATIVE)
    memprof.get_snapshot()
    assert memprof.get_stats().dropped_samples["hook_displaced"] == displaced  # nothing new
"""


def test_a_displaced_hook_is_found_put_back_and_counted(child: Child, blocks: dict[str, str]) -> None:
    run(child, DISPLACED, "off", environment={**blocks, "PYTHONMALLOC": ""})


@pytest.mark.parametrize("native", ["patch", "preload"])
def test_the_malloc_level_cannot_be_displaced(child: Child, blocks: dict[str, str], native: str) -> None:
    """Only the two pools' hooks are displaced: RAW needs none."""
    program = DISPLACED.replace("displaced == 3", "displaced == 2")
    program = program.replace(
        "assert held() == (0, 0), held()  # which", "assert held() == (300, 100), held()  # which"
    )
    run(child, program, native, environment={**blocks, "PYTHONMALLOC": ""})


ORDERS = """
    import itertools
    import tracemalloc

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, free_blocks, live_sizes, pointers

    def near(counts, asked):
        # A debug layer adds a multiple of 8; the tracer's own blocks are of none of these sizes.
        return sum(count for (size, _), count in counts.items() if size in range(asked, asked + ADDED + 1, 8))

    def held():
        counts = live_sizes(memprof.get_snapshot(), "allocate_blocks")
        return near(counts, 37), near(counts, 3701)

    def check(active, where):
        blocks = [(family, pointers(50), size) for family in families for size in (37, 3701)]
        if active:
            memprof.get_snapshot()  # finds what was displaced
            before = held()
        for family, block, size in blocks:
            allocate_blocks(family, block, size)
        if active:
            assert held() == (before[0] + 150, before[1] + 150), (where, before, held())
        for family, block, _ in blocks:
            free_blocks(family, block)
        if active:
            assert held() == before, (where, before, held())

    families = [Family(name) for name in ("raw", "mem", "obj")]
    calls = {
        "profiler on": lambda: memprof.start(0, native=NATIVE),
        "profiler off": memprof.stop,
        "tracer on": tracemalloc.start,
        "tracer off": tracemalloc.stop,
    }
    orders = [
        order
        for order in itertools.permutations(calls)
        if order.index("profiler on") < order.index("profiler off")
        and order.index("tracer on") < order.index("tracer off")
    ]
    assert len(orders) == 6
    for order in orders:
        for step in order:
            calls[step]()
            check(memprof.is_active(), (order, step))
    memprof.start(0, native=NATIVE)
    check(True, "at the end")
    tracemalloc.start()
    memprof.shutdown()
    check(False, "after shutdown")
    tracemalloc.stop()
    check(False, "and without the tracer")
"""


@pytest.mark.long
@EVERY_MODE
@pytest.mark.parametrize("allocator", ["default", "malloc", "debug", "mimalloc"])
def test_tracemalloc_before_after_and_around(child: Child, blocks: dict[str, str], allocator: str, native: str) -> None:
    program = ORDERS.replace("ADDED", str(DEBUG_BYTES_MAX))
    run(child, program, native, environment={**blocks, **allocator_environment(allocator, child)})


# ---- Interpreters ------------------------------------------------------------------------------------------------

SUBINTERPRETERS = """
    import sys
    import threading

    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters

    import spprof.memprof as memprof

    ALLOCATE = '''if True:
        blocks = [bytearray(4320) for _ in range(200)]
        small = [b"%418d" % number for number in range(200)]
        for _ in range(50):
            churn = [bytearray(number) for number in range(0, 1500, 7)]
    '''
    FORGET = "del blocks, small, churn"

    def counts():
        snapshot = memprof.get_snapshot()
        sizes = [record[1] for record in snapshot.records()]
        return sizes.count(4321), sizes.count(sys.getsizeof(b"%418d" % 0))

    def in_all(program):
        threads = [threading.Thread(target=interpreters.run_string, args=(name, program)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    memprof.start(0, native=NATIVE)
    before = counts()
    names = [interpreters.create() for _ in range(3)]
    in_all(ALLOCATE)
    assert counts() == (before[0] + 600, before[1] + 600), (before, counts())
    in_all(FORGET)
    assert counts() == before, (before, counts())
    memprof.stop()
    memprof.start(1, native=NATIVE)
    in_all(ALLOCATE)
    in_all(FORGET)
    in_all(ALLOCATE)
    for name in names:
        interpreters.destroy(name)
    left = counts()
    assert left[0] == before[0], (before, left)
    stats = memprof.get_stats()
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
"""


@EVERY_MODE
def test_subinterpreters_are_profiled_too(child: Child, native: str) -> None:
    """From 3.12 on each has a lock and a pool of its own."""
    run(child, SUBINTERPRETERS, native, environment={"PYTHONMALLOC": ""})


# ---- Python's own tests ------------------------------------------------------------------------------------------

OWN_TESTS = """
    import unittest

    rate = RATE
    if rate is not None:
        import spprof.memprof as memprof
        memprof.start(rate, native=NATIVE)
    names = ["test.test_list", "test.test_dict", "test.test_memoryview"]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream=open("output.txt", "w")).run(suite)
    bad = sorted(str(test) for test, _ in result.failures + result.errors)
    print(result.testsRun, len(result.skipped), bad)
    if rate is not None:
        memprof.get_snapshot()
        stats = memprof.get_stats()
        assert stats.total_samples > 1000 // (rate or 1)
        assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
"""


@pytest.mark.parametrize("native", ["patch", pytest.param("preload", marks=pytest.mark.long)])
def test_pythons_own_tests_end_as_without_us(child: Child, native: str) -> None:
    if child.attempt("import test.test_list").returncode != 0:
        pytest.skip("this Python comes without its own tests")
    plain = run(child, OWN_TESTS.replace("RATE", "None"), native)
    assert int(plain.split()[0]) > 100
    for rate in ("0", "64"):
        assert run(child, OWN_TESTS.replace("RATE", rate), native) == plain
