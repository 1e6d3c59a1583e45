"""Code objects die, and others are built where they stood: whose name and line a sample carries then.

Each block is known by its size, and at 1 KB none of 70 000 bytes is missed (e^-68); small objects mostly are, so that
they stand where their allocator puts them. Each test asserts that addresses were really used again, since it would show
nothing otherwise. tests/python/test_stacks.py does the same with code from exec().
"""

from __future__ import annotations

import pytest
from child import Child

# pymalloc, the same under a layer that overwrites what is freed, and libc's malloc under that layer.
ALLOCATORS = ["pymalloc", "pymalloc_debug", "malloc_debug"]

IDENTITY = '''
"""Functions made to be thrown away, and whose block is whose."""

import types

from spprof import memprof

PROBE = 1234567


def leaf(size):
    return bytearray(size)


def middle(function, size):
    return function(size)


def make(like, name, file, line):
    """A function like `like` whose body stands at `line` of `file`. Its code is as large as any other's made like that,
    and dies with it: so the next takes its place."""
    names = {"co_name": name, "co_filename": file, "co_firstlineno": line - 1}
    if hasattr(like.__code__, "co_qualname"):
        names["co_qualname"] = name
    return types.FunctionType(like.__code__.replace(**names), like.__globals__)


def python_frames(sample):
    return [(frame.function, frame.file, frame.line) for frame in sample.stack if frame.is_python]


def samples_by_size():
    """By the size asked for: bytearrays end with a zero, and debug allocators put more bytes around them."""
    probe = bytearray(PROBE)
    samples = memprof.get_snapshot().samples
    (beside,) = [sample.size - PROBE for sample in samples if PROBE <= sample.size <= PROBE + 64]
    return {sample.size - beside: sample for sample in samples}


def check(wanted):
    """`wanted`: size of the block -> (function, file, line)."""
    found = {size: python_frames(sample)[0] for size, sample in samples_by_size().items() if size in wanted}
    wrong = {size: (found.get(size), want) for size, want in wanted.items() if found.get(size) != want}
    assert not wrong, (len(wrong), sorted(wrong.items())[:5])


class Reuse:
    """Counts code objects that stand where one of another name stood."""

    def __init__(self):
        self.last = {}
        self.count = 0
        self.by_another_thread = 0

    def meet(self, code, thread=0):
        name, other = self.last.get(id(code), (code.co_name, thread))
        self.last[id(code)] = (code.co_name, thread)
        self.count += name != code.co_name
        self.by_another_thread += other != thread
'''


def run(child: Child, program: str, allocator: str = "default") -> str:
    (child.folder / "identity.py").write_text(IDENTITY, encoding="utf-8")
    return child.run(program, environment={"PYTHONMALLOC": allocator})


# ---- Reused addresses


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_code_at_a_reused_address_has_its_own_name_file_and_line(child: Child, allocator: str) -> None:
    run(
        child,
        """
        from identity import Reuse, check, leaf, make, memprof
        memprof.start(1)
        keep, wanted, reuse = [], {}, Reuse()
        for i in range(1000):
            want = ("made_%d" % i, "file_%d.py" % (i % 7), 2 + i % 50)
            made = make(leaf, *want)
            reuse.meet(made.__code__)
            keep.append(made(70000 + i))
            wanted[70000 + i] = want
            del made
        assert reuse.count > 500, reuse.count
        check(wanted)
        """,
        allocator,
    )


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_code_that_threads_build_over_each_other_has_its_own_name(child: Child, allocator: str) -> None:
    run(
        child,
        """
        from identity import Reuse, check, leaf, make, memprof
        import sys, threading
        sys.setswitchinterval(1e-5)
        memprof.start(1)
        keep, wanted, reuse, start = [], {}, Reuse(), threading.Barrier(4)
        def work(number):
            start.wait()
            for i in range(number, 2000, 4):
                want = ("made_%d" % i, "file_%d.py" % (i % 7), 2 + i % 50)
                made = make(leaf, *want)
                reuse.meet(made.__code__)
                keep.append(made(70000 + i))
                wanted[70000 + i] = want
                del made
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert reuse.count > 500, reuse.count
        check(wanted)
        """,
        allocator,
    )


def test_code_at_an_address_where_another_threads_code_stood_has_its_own_name(child: Child) -> None:
    """Threads that take turns, so that each builds where the one before has just freed."""
    run(
        child,
        """
        from identity import Reuse, check, leaf, make, memprof
        import threading
        memprof.start(1)
        keep, wanted, reuse = [], {}, Reuse()
        turns = [threading.Semaphore(number == 0) for number in range(3)]
        def work(number):
            for i in range(number, 900, 3):
                turns[number].acquire()
                want = ("made_%d" % i, "file_%d.py" % (i % 7), 2 + i % 50)
                made = make(leaf, *want)
                reuse.meet(made.__code__, number)
                keep.append(made(70000 + i))
                wanted[70000 + i] = want
                del made
                turns[(number + 1) % 3].release()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert reuse.by_another_thread > 100, reuse.by_another_thread
        check(wanted)
        """,
    )


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_callers_at_reused_addresses_have_their_own_names(child: Child, allocator: str) -> None:
    run(
        child,
        """
        from identity import Reuse, leaf, make, memprof, middle, python_frames, samples_by_size
        memprof.start(1)
        keep, wanted, reuse = [], {}, Reuse()
        for i in range(500):
            file = "file_%d.py" % (i % 9)
            want = [("leaf_%d" % i, file, 2 + i % 40), ("middle_%d" % i, file, 100 + i % 30)]
            inner, outer = make(leaf, *want[0]), make(middle, *want[1])
            reuse.meet(inner.__code__)
            reuse.meet(outer.__code__)
            keep.append(outer(inner, 70000 + i))
            wanted[70000 + i] = want
            del inner, outer
        assert reuse.count > 500, reuse.count
        found = samples_by_size()
        for size, want in wanted.items():
            assert python_frames(found[size])[:2] == want, (want, python_frames(found[size]))
        """,
        allocator,
    )


def test_code_that_dies_while_others_are_built_has_its_own_name_to_the_end(child: Child) -> None:
    """A weak reference's callback runs while the code object is being destroyed."""
    run(
        child,
        """
        from identity import Reuse, check, leaf, make, memprof
        import weakref
        memprof.start(1)
        keep, wanted, reuse = [], {}, Reuse()
        def hold(want, size):
            made = make(leaf, *want)
            reuse.meet(made.__code__)
            keep.append(made(size))
            wanted[size] = want
            return made
        for i in range(500):
            made = hold(("first_%d" % i, "first.py", 2 + i % 9), 70000 + i)
            dying = weakref.ref(made.__code__, lambda _: hold(("second_%d" % i, "second.py", 20 + i % 9), 80000 + i))
            del made
            assert dying() is None
        assert reuse.count > 250, reuse.count
        assert len(wanted) == 1000
        check(wanted)
        """,
    )


# ---- Code that outlives its function


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_generator_that_dies_late_has_its_own_name_until_then(child: Child, allocator: str) -> None:
    """Its function is gone, and much code is built and freed while it sleeps; it allocates again as it dies."""
    run(
        child,
        """
        from identity import Reuse, check, leaf, make, memprof
        memprof.start(1)
        keep, wanted, reuse, sleeping = [], {}, Reuse(), []
        def late(keep, size):
            try:
                yield keep.append(bytearray(size))
                yield keep.append(bytearray(size + 1000))
            finally:
                keep.append(bytearray(size + 2000))
        def churn(i):
            want = ("made_%d" % i, "made.py", 2 + i % 50)
            made = make(leaf, *want)
            reuse.meet(made.__code__)
            keep.append(made(80000 + i))
            wanted[80000 + i] = want
        for i in range(400):
            name, file, line = "late_%d" % i, "late_%d.py" % (i % 5), 2 + i % 30
            made = make(late, name, file, line)(keep, 70000 + i)
            reuse.meet(made.gi_code)
            next(made)
            sleeping.append(made)
            del made
            for size, below in ((70000, 1), (71000, 2), (72000, 4)):
                wanted[size + i] = (name, file, line + below)
            churn(i)
            if len(sleeping) == 20:
                next(sleeping[0])
                del sleeping[0]
                churn(400 + i)
        for made in sleeping: next(made)
        sleeping.clear()
        del made
        assert reuse.count > 500, reuse.count
        check(wanted)
        """,
        allocator,
    )


def test_function_that_is_given_other_code_while_it_runs_keeps_the_name_of_what_runs(child: Child) -> None:
    run(
        child,
        """
        from identity import check, memprof
        memprof.start(1)
        keep = []
        def old():
            old.__code__ = new.__code__
            keep.append(bytearray(70001))
        def new():
            keep.append(bytearray(70002))
        old_code = old.__code__
        old()
        old()
        renamed = dict(co_name="third", co_filename="third.py", co_firstlineno=100)
        if hasattr(old_code, "co_qualname"): renamed["co_qualname"] = "third"
        old.__code__ = old_code.replace(**renamed)
        keep.append(old())
        check({
            70001: ("third", "third.py", 102),
            70002: ("new", __file__, 9),
        })
        """,
    )


# ---- Code that looks the same


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_code_that_differs_in_one_thing_only_is_told_apart(child: Child, allocator: str) -> None:
    """Equal names, equal files or equal lines, alive at once, and equal instructions: == calls some of it equal."""
    run(
        child,
        """
        from identity import check, memprof
        keep, wanted, made = [], {}, []
        def compiled(name, file, before, between):
            source = "\\n" * before + "def %s(size):\\n" % name + "\\n" * between + "  return bytearray(size)"
            names = {}
            exec(compile(source, file, "exec"), names)
            return names[name], (name, file, before + between + 2)
        for name in ("one", "other"):
            for file in ("one.py", "other.py"):
                for before in (0, 1):
                    for between in (0, 1):
                        made.append(compiled(name, file, before, between))
        codes = [function.__code__ for function, _ in made]
        assert any(a == b for a in codes for b in codes if a is not b)
        assert len({id(code) for code in codes}) == 16
        memprof.start(1)
        size = 70000
        for turn in range(20):
            for function, want in made:
                keep.append(function(size))
                wanted[size] = want
                size += 1
        check(wanted)
        """,
        allocator,
    )


def test_copies_of_one_code_object_are_one_function(child: Child) -> None:
    """Equal in everything that is shown: they share what is kept of them, and so a stack."""
    told = run(
        child,
        """
        from identity import memprof, samples_by_size
        def compiled():
            names = {}
            exec(compile("def same(size): return bytearray(size)", "same.py", "exec"), names)
            return names["same"]
        copies = [compiled() for _ in range(50)]
        assert len({id(copy.__code__) for copy in copies}) == 50
        memprof.start(1)
        keep = [copy(70000 + i) for i, copy in enumerate(copies)]
        found = samples_by_size()
        print(len({id(found[70000 + i].stack) for i in range(50)}))
        """,
    )
    assert told == "1\n"


# ---- More code than is found by its address


def test_more_live_code_than_addresses_are_remembered_is_found_again(child: Child) -> None:
    """Addresses are a cache of 2^14 words; what has fallen out of it is known by its content."""
    run(
        child,
        """
        from identity import check, memprof
        COUNT = 2**14 + 2000
        names, keep, wanted = {}, [], {}
        source = "\\n".join("def made_%d(size): return bytearray(size)" % i for i in range(COUNT))
        exec(compile(source, "many.py", "exec"), names)
        made = [names["made_%d" % i] for i in range(COUNT)]
        memprof.start(1)
        for turn in range(2):
            for i, function in enumerate(made):
                block = function(200000 + turn * COUNT + i)
                if i % 97 == 0:
                    keep.append(block)
                    wanted[200000 + turn * COUNT + i] = ("made_%d" % i, "many.py", i + 1)
                del block
        check(wanted)
        assert sum(memprof.get_stats().dropped_samples.values()) == 0
        """,
    )
