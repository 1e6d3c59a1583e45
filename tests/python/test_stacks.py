"""Whose lines a sample names. Every allocation is sampled, and each block is known by its size.

Expected stacks are written as (function, source line), leaf first.
"""

from __future__ import annotations

import json
import sys

import pytest
from child import Child

HAS_QUALIFIED_NAMES = sys.version_info >= (3, 11)
HAS_INLINED_CALLS = sys.version_info >= (3, 11)
HAS_INLINED_COMPREHENSIONS = sys.version_info >= (3, 12)
SUBINTERPRETERS = {(3, 12): "_xxsubinterpreters", (3, 13): "_interpreters"}.get(sys.version_info[:2])

ASCII_NAME_MAX = 65535
ENCODED_NAME_MAX = 1024

HELD = '''
"""Prints the Python frames of the live blocks that `bytearray(size)` made, for each size asked for."""

import json
import linecache

from spprof import _memprof, memprof

BYTEARRAY_ENDS_WITH_ZERO = 1


def samples_of(size):
    return [sample for sample in memprof.get_snapshot().samples if sample.size == size]


def python_frames(sample):
    return [frame for frame in sample.stack if frame.is_python or frame.function == "<cut>"]


def stack_of(size):
    (sample,) = samples_of(size + BYTEARRAY_ENDS_WITH_ZERO)
    return python_frames(sample)


def words_of(size):
    """How many words the engine keeps of the stack, native frames and all."""
    snapshot = memprof.get_snapshot()
    ids = [record[5] for record in snapshot.records() if record[1] == size + BYTEARRAY_ENDS_WITH_ZERO]
    return len(_memprof.stack(*ids)[0])


def tell(*sizes):
    told = {
        size: [(frame.function, linecache.getline(frame.file, frame.line).strip()) for frame in stack_of(size)]
        for size in sizes
    }
    print(json.dumps(told))
'''

Stack = list[tuple[str, str]]


def held_stacks(child: Child, program: str, *, preload: bool = False) -> dict[int, Stack]:
    told = json.loads(run(child, program, preload=preload))
    return {int(size): [(function, line) for function, line in stack] for size, stack in told.items()}


def run(child: Child, program: str, *, preload: bool = False) -> str:
    (child.folder / "held.py").write_text(HELD, encoding="utf-8")
    return child.run(program, preload=preload)


def name(qualified: str) -> str:
    return qualified if HAS_QUALIFIED_NAMES else qualified.rpartition(".")[2]


# ---- What kinds of code there are


def test_stack_lists_functions_and_the_lines_they_are_at_from_leaf_to_root(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        held.memprof.start(0)
        keep = []
        def leaf(size):
            keep.append(
                bytearray(size),
            )
        def middle(size):
            for _ in range(1):
                leaf(size)  # in middle
        middle(70001)  # first
        middle(70002)  # second
        held.tell(70001, 70002)
        """,
    )
    below = [("leaf", "bytearray(size),"), ("middle", "leaf(size)  # in middle")]
    assert stacks == {
        70001: [*below, ("<module>", "middle(70001)  # first")],
        70002: [*below, ("<module>", "middle(70002)  # second")],
    }


def test_stack_names_methods_properties_lambdas_closures_and_class_bodies(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        held.memprof.start(0)
        class Reader:
            table = bytearray(70001)
            def read(self):
                return bytearray(70002)
            @property
            def header(self):
                return bytearray(70003)
            def __lt__(self, other):
                keep.append(bytearray(70004))
                return True
        keep = [Reader().read()]  # read
        keep.append(Reader().header)
        min(Reader(), Reader())
        keep.append((lambda: bytearray(70005))())
        def outer():
            def inner():
                return bytearray(70006)
            return inner()  # closure
        keep.append(outer())
        max([1], key=lambda _: keep.append(bytearray(70007)))
        held.tell(*range(70001, 70008))
        """,
    )
    assert stacks == {
        70001: [("Reader", "table = bytearray(70001)"), ("<module>", "class Reader:")],
        70002: [(name("Reader.read"), "return bytearray(70002)"), ("<module>", "keep = [Reader().read()]  # read")],
        70003: [(name("Reader.header"), "return bytearray(70003)"), ("<module>", "keep.append(Reader().header)")],
        70004: [
            (name("Reader.__lt__"), "keep.append(bytearray(70004))"),
            ("<module>", "min(Reader(), Reader())"),
        ],
        70005: [
            ("<lambda>", "keep.append((lambda: bytearray(70005))())"),
            ("<module>", "keep.append((lambda: bytearray(70005))())"),
        ],
        70006: [
            (name("outer.<locals>.inner"), "return bytearray(70006)"),
            (name("outer"), "return inner()  # closure"),
            ("<module>", "keep.append(outer())"),
        ],
        70007: [
            ("<lambda>", "max([1], key=lambda _: keep.append(bytearray(70007)))"),
            ("<module>", "max([1], key=lambda _: keep.append(bytearray(70007)))"),
        ],
    }


def test_stack_runs_through_generators_at_the_line_they_were_resumed_at(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        held.memprof.start(0)
        keep = []
        def inner():
            yield bytearray(70001)
            try:
                yield bytearray(70002)
            except KeyError:
                yield bytearray(70003)
            finally:
                keep.append(bytearray(70004))
        def outer():
            yield from inner()
        made = outer()
        keep.append(next(made))  # first
        keep.append(next(made))  # second
        alone = inner()
        assert [len(next(alone)), len(next(alone))] == [70001, 70002]  # and freed
        keep.append(alone.throw(KeyError()))
        alone.close()
        keep += (bytearray(size) for size in [70005])
        held.tell(*range(70001, 70006))
        """,
    )
    through = ("outer", "yield from inner()")
    assert stacks == {
        70001: [("inner", "yield bytearray(70001)"), through, ("<module>", "keep.append(next(made))  # first")],
        70002: [("inner", "yield bytearray(70002)"), through, ("<module>", "keep.append(next(made))  # second")],
        70003: [("inner", "yield bytearray(70003)"), ("<module>", "keep.append(alone.throw(KeyError()))")],
        70004: [("inner", "keep.append(bytearray(70004))"), ("<module>", "alone.close()")],
        70005: [
            ("<genexpr>", "keep += (bytearray(size) for size in [70005])"),
            ("<module>", "keep += (bytearray(size) for size in [70005])"),
        ],
    }


def test_stack_runs_through_awaiting_coroutines_and_async_generators(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        import types
        held.memprof.start(0)
        keep = []
        @types.coroutine
        def pause():
            yield
        async def numbers():
            keep.append(bytearray(70001))
            yield 1
        async def inner():
            async for _ in numbers():
                await pause()
            keep.append(bytearray(70002))
        async def outer():
            await inner()
        running = outer()
        running.send(None)  # until the pause
        try:
            running.send(None)  # to the end
        except StopIteration:
            pass
        held.tell(70001, 70002)
        """,
    )
    assert stacks == {
        70001: [
            ("numbers", "keep.append(bytearray(70001))"),
            ("inner", "async for _ in numbers():"),
            ("outer", "await inner()"),
            ("<module>", "running.send(None)  # until the pause"),
        ],
        70002: [
            ("inner", "keep.append(bytearray(70002))"),
            ("outer", "await inner()"),
            ("<module>", "running.send(None)  # to the end"),
        ],
    }


def test_stack_shows_a_comprehension_as_the_interpreter_runs_it(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        held.memprof.start(0)
        def build():
            return [
                bytearray(size)
                for size in [70001]
            ]
        keep = build()
        held.tell(70001)
        """,
    )
    leaf = [("build", "bytearray(size)")]
    if not HAS_INLINED_COMPREHENSIONS:
        leaf = [(name("build.<locals>.<listcomp>"), "bytearray(size)"), ("build", "return [")]
    assert stacks == {70001: [*leaf, ("<module>", "keep = build()")]}


def test_stack_names_the_lines_of_exception_handlers_and_finalisers(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        held.memprof.start(0)
        keep = []
        def fail():
            try:
                raise ValueError
            except ValueError:
                keep.append(bytearray(70001))
                raise
            finally:
                keep.append(bytearray(70002))
        class Dying:
            def __del__(self):
                keep.append(bytearray(70003))
        def drop():
            dying = Dying()
            del dying
        try:
            fail()
        except ValueError:
            keep.append(bytearray(70004))
        drop()
        held.tell(*range(70001, 70005))
        """,
    )
    assert stacks == {
        70001: [("fail", "keep.append(bytearray(70001))"), ("<module>", "fail()")],
        70002: [("fail", "keep.append(bytearray(70002))"), ("<module>", "fail()")],
        70003: [
            (name("Dying.__del__"), "keep.append(bytearray(70003))"),
            ("drop", "del dying"),
            ("<module>", "drop()"),
        ],
        70004: [("<module>", "keep.append(bytearray(70004))")],
    }


def test_stack_is_right_while_the_program_is_traced(child: Child) -> None:
    stacks = held_stacks(
        child,
        """
        import held
        import sys
        held.memprof.start(0)
        keep = []
        def work():
            keep.append(bytearray(70001))
        def watch(frame, event, argument):
            if event == "line" and len(keep) == 1:
                keep.append(bytearray(70002))
            return watch
        def call():
            work()
            return None
        sys.settrace(watch)
        call()
        sys.settrace(None)
        held.tell(70001, 70002)
        """,
    )
    assert stacks == {
        70001: [("work", "keep.append(bytearray(70001))"), ("call", "work()"), ("<module>", "call()")],
        70002: [("watch", "keep.append(bytearray(70002))"), ("call", "return None"), ("<module>", "call()")],
    }


# ---- Lines


def test_every_line_of_a_long_function_is_told_apart(child: Child) -> None:
    """Gaps of more than a table entry holds, lines that go backwards within an expression, and much code on a line."""
    run(
        child,
        """
        import held
        import random
        from held import python_frames
        held.memprof.start(0)
        chance = random.Random(1)
        lines, line_of = ["def long(keep):"], {}
        for size in range(70000, 70300):
            lines += [""] * chance.choice([0, 1, 2, 126, 127, 128, 129, 254, 255, 256, 1000])
            if chance.random() < 0.3:
                lines += ["  x = " + " + ".join(["len(keep)"] * chance.choice([5, 60]))]
            if chance.random() < 0.3:
                lines += ["  keep.append(max([", "    bytearray(%d)," % size, "  ],", "    key=len))"]
                line_of[size] = len(lines) - 2
            else:
                lines += ["  keep.append(bytearray(%d))" % size]
                line_of[size] = len(lines)
        names, keep = {}, []
        exec(compile("\\n".join(lines), "long.py", "exec"), names)
        names["long"](keep)
        leaves = [(sample.size - 1, python_frames(sample)[:1]) for sample in held.memprof.get_snapshot().samples]
        found = {size: leaf[0].line for size, leaf in leaves if leaf and leaf[0].file == "long.py"}
        assert {size: found[size] for size in line_of} == line_of
        """,
    )


# ---- Depth


DESCENT = """
import held
import sys
from spprof import _memprof
sys.setrecursionlimit(20000)
held.memprof.start(0)
def descend(left, size):
    if left == 0:
        return bytearray(size)
    return descend(left - 1, size)
"""
LEAF, DEEPER = ("descend", "return bytearray(size)"), ("descend", "return descend(left - 1, size)")


def test_deep_stack_keeps_its_leafmost_frames_and_says_that_it_is_cut(child: Child) -> None:
    """Before 3.11 each call has native frames between, which count, too."""
    stacks = held_stacks(
        child,
        DESCENT
        + """
keep = [descend(400, 70001), descend(5000, 70002)]  # both
assert held.words_of(70002) == _memprof.STACK_FRAMES_MAX == 1024
held.tell(70001, 70002)
""",
    )
    root = ("<module>", "keep = [descend(400, 70001), descend(5000, 70002)]  # both")
    assert stacks[70001] == [LEAF, *[DEEPER] * 400, root]
    kept = len(stacks[70002]) - 1
    assert stacks[70002] == [LEAF, *[DEEPER] * (kept - 1), ("<cut>", "")]
    assert kept >= (1000 if HAS_INLINED_CALLS else 500)


@pytest.mark.skipif(not HAS_INLINED_CALLS, reason="with two native frames each, how many fit is not told exactly")
def test_stack_of_just_as_many_frames_as_are_kept_is_whole(child: Child) -> None:
    stacks = held_stacks(
        child,
        DESCENT
        + """
keep = [descend(0, 70001)]
fits = _memprof.STACK_FRAMES_MAX - held.words_of(70001)
keep += [descend(fits, 70002), descend(fits + 1, 70003)]
assert held.words_of(70002) == held.words_of(70003) == _memprof.STACK_FRAMES_MAX
held.tell(70002, 70003)
""",
    )
    whole, cut = stacks[70002], stacks[70003]
    assert whole == [LEAF, *[DEEPER] * (len(whole) - 2), ("<module>", whole[-1][1])]
    assert len(cut) == len(whole) + 2
    assert cut[-1] == ("<cut>", "")


# ---- Names


def test_code_built_at_a_reused_address_never_takes_the_name_or_line_of_the_code_before_it(child: Child) -> None:
    run(
        child,
        """
        import held
        held.memprof.start(0)
        WANTED = 300
        keep, addresses, wanted = [], set(), {}
        for i in range(50000):
            names, size = {}, 70000 + len(wanted)
            source = "\\n" * (i % 50) + "def made_%d():\\n  return bytearray(%d)" % (i, size)
            exec(compile(source, "file_%d" % (i % 7), "exec"), names)
            made = names.pop("made_%d" % i)
            block = made()
            if id(made.__code__) in addresses:
                keep.append(block)
                wanted[size] = ("made_%d" % i, "file_%d" % (i % 7), i % 50 + 2)
            if len(wanted) == WANTED:
                break
            addresses.add(id(made.__code__))
            del made, names, block
        assert len(wanted) == WANTED, "hardly an address was reused, so this shows nothing"
        found = {}
        for sample in held.memprof.get_snapshot().samples:
            for leaf in held.python_frames(sample)[:1]:
                found[sample.size - 1] = (leaf.function, leaf.file, leaf.line)
        wrong = {size: (found[size], want) for size, want in wanted.items() if found[size] != want}
        assert not wrong, wrong
        """,
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain", "plain"),
        ("größe", "größe"),
        ("漢字", "漢字"),
        ("x𐐀", "x𐐀"),
        ("a" * 70000, "a" * ASCII_NAME_MAX),
        ("é" * 600, "é" * (ENCODED_NAME_MAX // 2 - 1)),
        ("漢" * 600, "漢" * (ENCODED_NAME_MAX // 3)),
    ],
    ids=["ascii", "latin", "bmp", "astral", "long-ascii", "long-latin", "long-bmp"],
)
def test_names_are_told_in_unicode_and_cut_at_a_whole_character(child: Child, written: str, read: str) -> None:
    told = run(
        child,
        f"""
        import held
        held.memprof.start(0)
        names = {{}}
        written = {written!r}
        exec(compile("def " + written + "():\\n  return bytearray(70001)", written, "exec"), names)
        keep = names[written]()
        leaf = held.stack_of(70001)[0]
        print(held.json.dumps([leaf.function, leaf.file, leaf.line]))
        """,
    )
    assert json.loads(told) == [read, read, 2]


def test_file_name_that_is_no_unicode_keeps_its_place_with_a_replacement_character(child: Child) -> None:
    told = run(
        child,
        r"""
        import held
        held.memprof.start(0)
        names = {}
        exec(compile("keep = bytearray(70001)", "a\udcff漢.py", "exec"), names)
        print(held.stack_of(70001)[0].file)
        """,
    )
    assert told == "a\ufffd漢.py\n"


# ---- Threads, and threads without an interpreter


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


# ---- Every allocation of a busy program


BUSY = """
import asyncio, gc, json, re, sys, threading, traceback, weakref
def churn():
    for i in range(40):
        names = {}
        body = "  pass\\n" * (i % 7) + "  return a, k, [a for _ in range(3)]"
        exec("def made(*a, **k):\\n%s\\nmade(1, x=2)" % body, names)
        dying = weakref.ref(names["made"].__code__, lambda _: [str(i)])
        del names
def generators(depth):
    def nested(n):
        try:
            if n: yield from nested(n - 1)
            yield str(n)
        finally:
            str(n) * 2
    made = nested(depth)
    next(made)
    made.close()
async def coroutines(depth):
    await asyncio.sleep(0)
    if depth: await asyncio.gather(*[coroutines(depth - 1) for _ in range(3)])
def recurse(*a, **k):
    return recurse(*a, n=[1])
def failing(n):
    try:
        if n: failing(n - 1)
        raise KeyError("x" * n)
    except KeyError as error:
        raise RuntimeError(str(n)) from error
def everything():
    json.loads(json.dumps([{"a": [i, str(i)]} for i in range(50)]))
    re.purge()
    re.sub(r"(a|b)*?[^c-d]{2,3}", lambda match: match.group(0) * 2, "abcdefg" * 10)
    churn()
    generators(10)
    asyncio.run(coroutines(2))
    for raising in (lambda: failing(8), recurse):
        try: raising()
        except (RuntimeError, RecursionError): traceback.format_exc()
    sys.settrace(lambda *_: None)
    exec("x = [i for i in range(3)]")
    sys.settrace(None)
    gc.collect()
"""


@pytest.mark.parametrize("preload", [False, True], ids=["python", "preload"])
@pytest.mark.parametrize("allocator", ["default", "debug", "malloc"])
def test_walking_at_every_allocation_of_a_busy_program_is_safe_until_its_very_end(
    child: Child, allocator: str, preload: bool
) -> None:
    """With a daemon thread that is still at it when the interpreter is taken down."""
    (child.folder / "held.py").write_text(HELD, encoding="utf-8")
    (child.folder / "busy.py").write_text(BUSY, encoding="utf-8")
    told = child.run(
        """
        import held
        import busy
        import threading
        held.memprof.start(0)
        threads = [threading.Thread(target=busy.everything) for _ in range(3)]
        for thread in threads: thread.start()
        busy.everything()
        for thread in threads: thread.join()
        def forever():
            while True: busy.everything()
        threading.Thread(target=forever, daemon=True).start()
        busy.everything()
        stats = held.memprof.get_stats()
        assert stats.total_samples > 20000, stats
        print(sum(stats.dropped_samples.values()))
        """,
        preload=preload,
        environment={"PYTHONMALLOC": allocator},
    )
    assert told == "0\n"
