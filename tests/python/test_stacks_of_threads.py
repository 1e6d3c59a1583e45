"""Whose lines a sample names where there are threads: with an interpreter, without one, and of a subinterpreter."""

from __future__ import annotations

import sys

import pytest
from child import Child
from held_stacks import HAS_INLINED_COMPREHENSIONS, held_stacks, run

SUBINTERPRETERS = {(3, 12): "_xxsubinterpreters", (3, 13): "_interpreters"}.get(sys.version_info[:2])


def test_each_thread_is_charged_with_its_own_frames(child: Child) -> None:
    run(
        child,
        """
        import held
        import threading
        held.memprof.start(0)
        keep = []
        start = threading.Barrier(4)
        def work_0(size): keep.append(bytearray(size))
        def work_1(size): keep.append(bytearray(size))
        def work_2(size): keep.append(bytearray(size))
        def work_3(size): keep.append(bytearray(size))
        def worker(work, first):
            start.wait()
            for size in range(first, first + 200):
                work(size)
        works = [work_0, work_1, work_2, work_3]
        threads = [threading.Thread(target=worker, args=(work, 70000 + 1000 * i)) for i, work in enumerate(works)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        for sample in held.memprof.get_snapshot().samples:
            if 70000 < sample.size <= 74000:
                which = (sample.size - 1 - 70000) // 1000
                functions = [frame.function for frame in sample.stack if frame.is_python]
                assert functions[:2] == ["work_%d" % which, "worker"], (sample.size, functions)
                assert "<module>" not in functions
        """,
    )


@pytest.mark.parametrize("preload", [False, True], ids=["raw-domain", "preload"])
def test_c_code_that_released_the_gil_is_charged_to_its_own_caller(child: Child, preload: bool) -> None:
    """ctypes calls malloc without the GIL, while another thread runs Python under it."""
    told = run(
        child,
        f"""
        import ctypes
        import held
        import threading
        library = ctypes.CDLL(None)
        allocate = library.malloc if {preload} else library.PyMem_RawMalloc
        allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        stop = []
        def others():
            while not stop:
                [bytes(9) for _ in range(50)]
        def released():
            return allocate(70001)
        threads = [threading.Thread(target=others) for _ in range(2)]
        for thread in threads: thread.start()
        held.memprof.start(0)
        blocks = [released() for _ in range(500)]
        held.memprof.stop()
        stop.append(True)
        for thread in threads: thread.join()
        for sample in held.samples_of(70001):
            print([frame.function for frame in sample.stack if frame.is_python])
        """,
        preload=preload,
    )
    comprehension = [] if HAS_INLINED_COMPREHENSIONS else ["<listcomp>"]
    assert told.splitlines() == [str(["released", *comprehension, "<module>"])] * 500


@pytest.mark.parametrize("preload", [False, True], ids=["raw-domain", "preload"])
def test_native_thread_has_no_python_frames_and_its_sample_is_kept(child: Child, preload: bool) -> None:
    """The allocator itself is the thread's start routine: thread_main(size) returns the block."""
    told = run(
        child,
        f"""
        import ctypes
        import held
        library = ctypes.CDLL(None)
        allocate = library.malloc if {preload} else library.PyMem_RawMalloc
        library.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
        thread, block = ctypes.c_ulong(), ctypes.c_void_p()
        held.memprof.start(0)
        assert library.pthread_create(ctypes.byref(thread), None, allocate, ctypes.c_void_p(70001)) == 0
        assert library.pthread_join(thread, ctypes.byref(block)) == 0
        (sample,) = held.samples_of(70001)
        assert sample.address == block.value
        assert len(sample.stack) >= 1
        print([frame for frame in sample.stack if frame.is_python])
        """,
        preload=preload,
    )
    assert told == "[]\n"


def test_native_thread_that_enters_python_is_charged_with_what_it_runs_there(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import ctypes
        import held
        library = ctypes.CDLL(None)
        library.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
        keep = []
        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def native_main(argument):
            work()  # in a native thread
        def work():
            keep.append(bytearray(70001))
        held.memprof.start(0)
        thread = ctypes.c_ulong()
        assert library.pthread_create(ctypes.byref(thread), None, native_main, None) == 0
        assert library.pthread_join(thread, None) == 0
        held.tell(70001)
        """,
    )
    assert stacks == {
        70001: [("work", "keep.append(bytearray(70001))"), ("native_main", "work()  # in a native thread")]
    }


@pytest.mark.skipif(SUBINTERPRETERS is None, reason="before 3.12 a subinterpreter is charged to its caller")
def test_subinterpreter_is_charged_with_its_own_frames(child: Child) -> None:
    told = run(
        child,
        f"""
        import held
        import {SUBINTERPRETERS} as interpreters
        held.memprof.start(0)
        other = interpreters.create()
        interpreters.run_string(other, "def inside(): return bytearray(70001)\\nkeep = inside()")
        print([(frame.function, frame.file, frame.line) for frame in held.stack_of(70001)])
        interpreters.destroy(other)
        """,
    )
    assert told == "[('inside', '<string>', 1), ('<module>', '<string>', 2)]\n"
