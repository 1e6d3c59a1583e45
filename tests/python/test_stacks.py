"""Which lines a sample names, for each kind of code. Every allocation is sampled, and each block is identified by its
size.

Expected stacks are written as (function, source line), leaf first.
"""

from __future__ import annotations

import json

import pytest
from child import Child
from held_stacks import HAS_INLINED_COMPREHENSIONS, held_stacks, name
from specimens import specimen

pytestmark = pytest.mark.usefixtures("with_and_without_jit")

ASCII_NAME_MAX = 65535
ENCODED_NAME_MAX = 1024


# ---- Kinds of code


def test_stack_lists_functions_and_the_lines_they_are_at_from_leaf_to_root(child: Child) -> None:
    stacks = held_stacks(
        child,
        specimen("stacks/stack_lists_functions_and_the_lines_they_are_at_from_leaf_to_root"),
    )
    below = [("leaf", "bytearray(size),"), ("middle", "leaf(size)  # in middle")]
    assert stacks == {
        70001: [*below, ("<module>", "middle(70001)  # first")],
        70002: [*below, ("<module>", "middle(70002)  # second")],
    }


def test_stack_names_methods_properties_lambdas_closures_and_class_bodies(child: Child) -> None:
    stacks = held_stacks(
        child,
        specimen("stacks/stack_names_methods_properties_lambdas_closures_and_class_bodies"),
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
        specimen("stacks/stack_runs_through_generators_at_the_line_they_were_resumed_at"),
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
        specimen("stacks/stack_runs_through_awaiting_coroutines_and_async_generators"),
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
        specimen("stacks/stack_names_the_lines_of_exception_handlers_and_finalisers"),
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
        specimen("stacks/stack_is_right_while_the_program_is_traced"),
    )
    assert stacks == {
        70001: [("work", "keep.append(bytearray(70001))"), ("call", "work()"), ("<module>", "call()")],
        70002: [("watch", "keep.append(bytearray(70002))"), ("call", "return None"), ("<module>", "call()")],
    }


# ---- Lines


def test_every_line_of_a_long_function_is_told_apart(child: Child) -> None:
    """The function has gaps too large for one table entry, lines that go backwards within an expression, and a line
    with much code.
    """
    child.run(
        specimen("stacks/every_line_of_a_long_function_is_told_apart"),
    )


# ---- Names


def test_code_built_at_a_reused_address_never_takes_the_name_or_line_of_the_code_before_it(child: Child) -> None:
    child.run(
        specimen("stacks/code_built_at_a_reused_address_never_takes_the_name_or_line_of_the_code_before_it"),
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
    told = child.run(
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


def test_file_name_that_is_no_unicode_is_the_one_that_its_code_has(child: Child) -> None:
    told = child.run(
        r"""
        import held
        held.memprof.start(0)
        names = {}
        exec(compile("keep = bytearray(70001)", "a\udcff漢.py", "exec"), names)
        print(ascii(held.stack_of(70001)[0].file))
        """,
    )
    assert told == ascii("a\udcff漢.py") + "\n"
