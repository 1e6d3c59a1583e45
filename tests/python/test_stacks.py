"""Whose lines a sample names, for each kind of code. Every allocation is sampled, and each block is known by its size.

Expected stacks are written as (function, source line), leaf first.
"""

from __future__ import annotations

import json

import pytest
from child import Child
from held_stacks import HAS_INLINED_COMPREHENSIONS, held_stacks, name, run

ASCII_NAME_MAX = 65535
ENCODED_NAME_MAX = 1024


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
