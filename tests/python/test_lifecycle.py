"""From import to exit: what is installed when, what accumulates, what threads and forked children may do meanwhile."""

from __future__ import annotations

import pytest
from child import Child

PRELOADED = pytest.mark.parametrize("preload", [False, True], ids=["", "preloaded"])

# ---- What is installed when -------------------------------------------------------------------------------------

HOOKS = """
    import ctypes
    import os

    def hooks():
        found = []
        for domain in range(3):
            allocator = (ctypes.c_void_p * 5)()
            ctypes.pythonapi.PyMem_GetAllocator(domain, allocator)
            found.append(list(allocator))
        return found

    def threads():
        return len(os.listdir("/proc/self/task"))
"""


@PRELOADED
def test_importing_hooks_nothing_and_starts_no_thread(child: Child, preload: bool) -> None:
    child.run(
        HOOKS
        + """
    before = hooks()
    import spprof.memprof as memprof
    from spprof import _engine
    assert hooks() == before and threads() == 1
    blocks = [bytearray(10_000) for _ in range(1000)]
    stats = _engine.stats()
    assert not memprof.is_active()
    assert stats["total_samples"] == stats["epochs"] == stats["unique_stacks"] == 0, stats
    """,
        preload=preload,
    )


@pytest.mark.parametrize(("native", "preload"), [("off", False), ("patch", False), ("preload", True)])
def test_hooks_come_with_start_and_the_pools_go_with_stop(child: Child, native: str, preload: bool) -> None:
    """The RAW hook stays after stop, where frees are seen, unless malloc's own hooks see them. No thread is needed."""
    child.run(
        HOOKS
        + f"""
    import spprof.memprof as memprof
    RAW, MEM, OBJ = range(3)
    before = hooks()
    for _ in range(3):
        memprof.start(1, native={native!r})
        during = hooks()
        assert during[MEM] != before[MEM] and during[OBJ] != before[OBJ]
        assert (during[RAW] == before[RAW]) is {native != "off"}
        assert during[OBJ][4] == before[OBJ][4], "no hook on the pools' free"
        assert threads() == 1
        memprof.stop()
        assert hooks()[MEM:] == before[MEM:]
    memprof.shutdown()
    assert hooks() == before
    """,
        preload=preload,
        environment={"PYTHONMALLOC": ""},
    )


# ---- Starting and stopping --------------------------------------------------------------------------------------


def test_start_after_stop_accumulates_and_every_sample_keeps_its_rate(child: Child) -> None:
    child.run("""
    import spprof.memprof as memprof

    def hold(count):
        return [bytearray(99_999) for _ in range(count)]

    kept = []
    seen = 0
    for rate_kb in (0, 64, 1, 512, 0):
        memprof.start(rate_kb, seed=rate_kb)
        kept.append(hold(200))
        memprof.stop()
        kept.append(hold(200))  # nobody looks
        rates = [s.sampling_rate_bytes for s in memprof.get_snapshot().samples if s.size == 100_000]
        assert rates[seen:] and set(rates[seen:]) == {rate_kb * 1024}, (rate_kb, rates[seen:])
        if rate_kb == 0:
            assert len(rates) == seen + 200
        seen = len(rates)
        assert memprof.get_snapshot().sampling_rate_bytes == rate_kb * 1024
    samples = [s for s in memprof.get_snapshot().samples if s.size == 100_000]
    assert all(s.estimated_bytes == s.size for s in samples if s.sampling_rate_bytes == 0)
    assert all(s.estimated_bytes > s.size for s in samples if s.sampling_rate_bytes == 512 * 1024)
    kept.clear()
    assert not [s for s in memprof.get_snapshot().samples if s.size == 100_000]
    """)


def test_a_failed_start_or_stop_changes_nothing(child: Child) -> None:
    child.run("""
    import spprof.memprof as memprof

    def refused(call, *arguments):
        before = memprof.is_active(), memprof.get_stats().sampling_rate_bytes
        try:
            call(*arguments)
        except RuntimeError as error:
            assert (memprof.is_active(), memprof.get_stats().sampling_rate_bytes) == before
            return str(error)
        raise AssertionError(call)

    assert "start() first" in refused(memprof.stop)
    assert "start() first" in refused(memprof.get_snapshot)
    memprof.start(0)
    assert "already running" in refused(memprof.start, 64)
    held = bytearray(77_777)
    assert [s.sampling_rate_bytes for s in memprof.get_snapshot().samples if s.size == 77_778] == [0]
    memprof.stop()
    assert "not running" in refused(memprof.stop)
    memprof.start(64)
    memprof.shutdown()
    assert not memprof.is_active()
    memprof.shutdown()
    assert "shut down" in refused(memprof.start)
    assert "not running" in refused(memprof.stop)
    refused(memprof.MemoryProfiler().__enter__)
    assert [s.size for s in memprof.get_snapshot().samples if s.size == 77_778] == [77_778]
    """)


@PRELOADED
def test_shutting_down_is_one_way_and_later_frees_pass_by(child: Child, preload: bool) -> None:
    child.run(
        """
    import threading

    import spprof.memprof as memprof

    def churn():
        while not done.is_set():
            kept[:] = [bytearray(number) for number in range(0, 5000, 50)]
            running.set()

    done, running, kept = threading.Event(), threading.Event(), []
    memprof.start(0)
    threads = [threading.Thread(target=churn, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    running.wait()
    block = bytearray(33_333)
    memprof.shutdown()
    before = memprof.get_stats()
    del block
    running.clear()
    running.wait()
    done.set()
    for thread in threads:
        thread.join()
    after = memprof.get_stats()
    assert before == after, (before, after)
    assert [s.size for s in memprof.get_snapshot().samples if s.size == 33_334] == [33_334]
    """,
        preload=preload,
    )


@PRELOADED
def test_total_is_live_plus_freed_whoever_allocates_meanwhile(child: Child, preload: bool) -> None:
    child.run(
        """
    import threading

    import spprof.memprof as memprof

    def churn():
        kept = []
        while not done.is_set():
            kept = [bytearray(number) for number in range(0, 5000, 50)] + kept[:50]

    done = threading.Event()
    threads = [threading.Thread(target=churn, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    last = 0
    for number in range(18):
        memprof.start((0, 1, 16)[number % 3])
        while memprof.get_stats().total_samples < last + 100:
            pass
        stats = memprof.get_stats()
        assert stats.total_samples == stats.live_samples + stats.freed_samples
        assert 0 <= stats.live_samples <= stats.total_samples
        assert last < stats.total_samples and stats.estimated_heap_bytes <= stats.peak_heap_bytes
        last = stats.total_samples
        memprof.stop()
    done.set()
    for thread in threads:
        thread.join()
    del threads
    stats, snapshot = memprof.get_stats(), memprof.get_snapshot()
    assert stats.live_samples == snapshot.live_samples == len(snapshot.samples)
    assert stats.total_samples == stats.live_samples + stats.freed_samples
    assert abs(stats.estimated_heap_bytes - snapshot.estimated_heap_bytes) <= 1
    assert stats.estimated_heap_bytes == round(sum(s.estimated_bytes for s in snapshot.samples))
    """,
        preload=preload,
    )


def test_any_thread_may_start_and_stop(child: Child) -> None:
    child.run("""
    import threading

    import spprof.memprof as memprof

    def in_thread(call, *arguments):
        thread = threading.Thread(target=call, args=arguments)
        thread.start()
        thread.join()

    in_thread(memprof.start, 0)
    block = bytearray(44_444)
    in_thread(memprof.stop)
    assert not memprof.is_active()
    assert [s.size for s in memprof.get_snapshot().samples if s.size == 44_445] == [44_445]

    def race():
        gate.wait()
        for _ in range(50):
            for call in (memprof.start, memprof.stop):
                try:
                    call()
                except RuntimeError:
                    pass

    gate = threading.Barrier(4)
    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if memprof.is_active():
        memprof.stop()
    del block
    assert not [s.size for s in memprof.get_snapshot().samples if s.size == 44_445]
    """)


def test_a_memory_profiler_shows_only_its_own_block(child: Child) -> None:
    """Also as the very first use of the package, after an exception, and entered again."""
    child.run("""
    import spprof.memprof as memprof

    def hold(size):
        return bytearray(size - 1)

    def sizes():
        return [s.size for s in profiler.snapshot.samples if s.size in (60_000, 60_001, 60_002, 60_003)]

    profiler = memprof.MemoryProfiler(0)
    with profiler:
        first = hold(60_000)
        gone = hold(60_003)
        del gone
    assert sizes() == [60_000] and not memprof.is_active()
    memprof.start(0)
    between = hold(60_001)
    memprof.stop()
    try:
        with profiler:
            second = hold(60_002)
            try:
                with memprof.MemoryProfiler(0):
                    raise AssertionError("they do not nest")
            except RuntimeError as error:
                assert "already running" in str(error)
            assert memprof.is_active()
            raise KeyError("of the block")
    except KeyError:
        pass
    assert sizes() == [60_002] and not memprof.is_active()
    with profiler:
        del second
    assert sizes() == []
    """)


# ---- Forking ----------------------------------------------------------------------------------------------------

FORK = """
    import os
    import sys
    import threading
    import warnings

    import spprof.memprof as memprof

    warnings.simplefilter("ignore")  # about forking with threads, which is the point

    def churn():
        kept = []
        while not done.is_set():
            kept = [bytearray(number) for number in range(0, 5000, 50)] + kept[:50]
            running.set()

    def mine(size):
        # The threads that took the samples of this size.
        return [record[5] for record in memprof.get_snapshot().records() if record[1] == size]

    def in_child():
        assert memprof.is_active() is not STOPPED
        assert len(mine(55_555)) == 1, "what was live in the parent is live here"
        block.pop()
        assert not mine(55_555)
        if STOPPED:
            memprof.start(0)
        held = bytearray(66_665)
        assert mine(66_666) == [threading.get_native_id()], "by the child's own thread"
        thread = threading.Thread(target=lambda: kept.append(bytearray(66_665)))
        kept = []
        thread.start()
        thread.join()
        assert len(mine(66_666)) == 2
        kept.clear()
        assert len(mine(66_666)) == 1
        memprof.stop()
        # What lives in between, such as the call's own objects, may be freed in between: once it settles they agree.
        pairs = [(memprof.get_stats(), memprof.get_snapshot()) for _ in range(5)]
        assert all(stats.total_samples == stats.live_samples + stats.freed_samples for stats, _ in pairs)
        assert any(stats.live_samples == snapshot.live_samples for stats, snapshot in pairs), pairs
        memprof.start(64)

    done, running = threading.Event(), threading.Event()
    threads = [threading.Thread(target=churn, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
        running.wait()
    memprof.start(0)
    block = [bytearray(55_554)]
    if STOPPED:
        memprof.stop()
    for number in range(FORKS):
        pid = os.fork()
        if pid == 0:
            status = 99
            try:
                in_child()
                status = 7
            except BaseException:
                import traceback
                traceback.print_exc()
            os._exit(status)
        _, status = os.waitpid(pid, 0)
        assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7, (number, status)
    done.set()
    for thread in threads:
        thread.join()
    assert len(mine(55_555)) == 1 and not mine(66_666), "the parent has its own"
"""


@PRELOADED
@pytest.mark.parametrize(
    ("threads", "stopped", "forks"),
    [(0, False, 3), (0, True, 3), (4, False, 8)],
    ids=["active", "stopped", "while threads allocate"],
)
def test_a_forked_child_goes_on_profiling(child: Child, threads: int, stopped: bool, forks: int, preload: bool) -> None:
    program = FORK.replace("THREADS", str(threads)).replace("STOPPED", str(stopped)).replace("FORKS", str(forks))
    child.run(program, preload=preload)


@PRELOADED
def test_a_forked_child_may_end_like_any_program(child: Child, preload: bool) -> None:
    """Through the interpreter's exit, with its own shutdown."""
    printed = child.run(
        """
    import atexit
    import os
    import sys

    import spprof.memprof as memprof

    atexit.register(lambda: print(f"active at exit: {memprof.is_active()}", flush=True))
    memprof.start(1)  # registered later, so it runs earlier
    pid = os.fork()
    held = [bytearray(1000) for _ in range(1000)]
    if pid == 0:
        sys.exit(3)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 3, status
    """,
        preload=preload,
    )
    assert printed.splitlines() == ["active at exit: False"] * 2


MULTIPROCESSING = """
    import multiprocessing
    import sys

    import spprof.memprof as memprof

    def work(number):
        if not memprof.is_active():
            memprof.start(0)
        held = [bytearray(70_000 + number - 1) for _ in range(20)]
        return number, sum(record[1] == 70_000 + number for record in memprof.get_snapshot().records())

    if __name__ == "__main__":
        memprof.start(0)
        context = multiprocessing.get_context(METHOD)
        with context.Pool(2) as pool:
            assert pool.map(work, range(8), chunksize=1) == [(number, 20) for number in range(8)]
            pool.close()
            pool.join()
        process = context.Process(target=work, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == 0, process.exitcode
        print("good")
"""


@PRELOADED
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(child: Child, method: str, preload: bool) -> None:
    finished = child.attempt(MULTIPROCESSING.replace("METHOD", repr(method)), preload=preload)
    assert (finished.returncode, finished.stdout) == (0, "good\n"), finished.stderr
    assert "Traceback" not in finished.stderr


def test_forked_children_draw_each_their_own_samples(child: Child) -> None:
    child.run("""
    import os
    import spprof.memprof as memprof

    def sampled():
        blocks = [bytearray(9_999) for _ in range(2000)]
        addresses = sorted(record[0] for record in memprof.get_snapshot().records() if record[1] == 10_000)
        del blocks
        return hash(tuple(addresses))

    memprof.start(64)
    sampled()
    answers = set()
    for _ in range(4):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, repr(sampled()).encode())
            os._exit(0)
        os.wait()
        answers.add(os.read(reading, 1000))
    assert len(answers) == 4, answers
    """)


# ---- Exiting ----------------------------------------------------------------------------------------------------


@PRELOADED
@pytest.mark.parametrize("rate", [0, 64])
def test_a_program_may_exit_with_threads_still_allocating(child: Child, rate: int, preload: bool) -> None:
    finished = child.attempt(
        f"""
    import sys
    import threading

    import spprof.memprof as memprof

    def churn():
        while True:
            kept[:] = [bytearray(number) for number in range(0, 5000, 50)]
            running.set()

    kept, running = [], threading.Event()
    memprof.start({rate})
    for _ in range(4):
        threading.Thread(target=churn, daemon=True).start()
    running.wait()
    print("going", flush=True)
    sys.exit(5)
    """,
        preload=preload,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (5, "going\n", "")


def test_nothing_is_left_to_import_for_snapshots_and_files_once_it_is_started(child: Child) -> None:
    """A child that is forked while another thread imports a module waits for ever when it imports the same."""
    told = child.run(
        """
        import sys
        from spprof import formats, memprof
        memprof.start(0, native="off")
        before = set(sys.modules)
        snapshot = memprof.get_snapshot()
        for name in set(formats.FORMATS) - {"html"}:
            snapshot.save("heap", format=name)
        str(snapshot), memprof.get_stats()
        print(sorted(set(sys.modules) - before))
        """
    )
    assert told == "[]\n"
