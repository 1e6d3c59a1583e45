"""Stacks that mix every way to call, and what must hold of every stack of a busy program.

Every allocation is sampled.
"""

from __future__ import annotations

import json
import random

import native
import pytest
from busy_program import BUSY
from child import Child
from test_code_ranges import ROOT, SOURCES
from whole_stacks import CALLBACK, CTYPES, LEAF, VERSION, Teller, build_libraries, name


@pytest.fixture
def teller(child: Child, tmp_path_factory: pytest.TempPathFactory) -> Teller:
    return Teller(child, build_libraries(tmp_path_factory.getbasetemp() / "whole_stacks"))


# How go() reaches the next go(), and the frames that stand between them, leaf first.
WAYS = {
    "by_call": ["extension_call()", "by_call"],
    "by_ctypes": [name("by_ctypes.<locals>.<lambda>"), *CALLBACK, *CTYPES, "by_ctypes"],
    "by_partial": ["partial_vectorcall()", "by_partial"],
    "by_sorted": ["list_sort_impl()", "list_sort()", "builtin_sorted()", "by_sorted"],
    "by_exec": ["<module>", "builtin_exec()", "by_exec"],
    "by_init": [name("Thing.__init__"), "by_init"],
    "by_property": [name("Thing.header"), "by_property"],
    "by_death": [name("Dying.__del__"), "subtype_dealloc()", "by_death"],
    "by_next": ["generator", "builtin_next()", "by_next"],
    "by_loop": ["generator", "delegator", "by_loop"],
    "by_send": ["coroutine", "waiter", "by_send"],
    "by_throw": ["catcher", *(["passer"] if VERSION >= (3, 10) else []), "by_throw"],
    "by_close": ["closer", "by_close"],
    "by_with": ["managed", "builtin_next()", name("_GeneratorContextManager.__enter__"), "by_with"],
    "by_itself": ["by_itself"],
}

PROGRAM = """
import contextlib, functools, json, sys
import extension
from specimen import CALLBACK, allocate, chain, memprof, tell

def go(ways):
    if ways: ways[0](ways[1:])
    else: allocate(size)

def generator(ways): yield go(ways)
def delegator(ways): yield from generator(ways)
async def coroutine(ways): go(ways)
async def waiter(ways): await coroutine(ways)
def catcher(ways):
    try: yield
    except KeyError: yield go(ways)
def passer(ways): yield from catcher(ways)
def closer(ways):
    try: yield
    finally: go(ways)
@contextlib.contextmanager
def managed(ways): yield go(ways)
class Thing:
    def __init__(self, ways): go(ways)
    @property
    def header(self): go(self.ways)
class Dying:
    def __del__(self): go(self.ways)

def by_itself(ways): go(ways)
def by_call(ways): extension.call(go, (ways,))
def by_ctypes(ways): chain.chain_call(CALLBACK(lambda _: go(ways)), 0)
def by_partial(ways): functools.partial(go, ways)()
def by_sorted(ways): sorted([ways], key=go)
def by_exec(ways): exec("go(ways)", globals(), {"ways": ways})
def by_init(ways): Thing(ways)
def by_property(ways):
    thing = Thing.__new__(Thing)
    thing.ways = ways
    thing.header
def by_death(ways):
    dying = Dying()
    dying.ways = ways
    del dying
def by_next(ways): next(generator(ways))
def by_loop(ways):
    for _ in delegator(ways): pass
def by_send(ways):
    try: waiter(ways).send(None)
    except StopIteration: pass
def by_throw(ways):
    thrown = (passer if sys.version_info >= (3, 10) else catcher)(ways)
    next(thrown)
    thrown.throw(KeyError)
def by_close(ways):
    closed = closer(ways)
    next(closed)
    closed.close()
def by_with(ways):
    with managed(ways): pass

memprof.start(0)
sizes = {}
for size, ways in json.load(open("ways.json")):
    go([globals()[way] for way in ways])
tell(*range(70000, 80000))
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ways_to_call_may_be_mixed_at_will(teller: Teller, seed: int) -> None:
    """Each way alone, and long random mixtures."""
    chance = random.Random(seed)
    mixtures = [[way] for way in WAYS] + [chance.choices(list(WAYS), k=chance.randrange(2, 15)) for _ in range(100)]
    expected, sizes = {}, list(range(70001, 70001 + len(mixtures)))
    for size, ways in zip(sizes, mixtures):
        expected[size] = [*LEAF, "go"]
        for way in reversed(ways):
            expected[size] += [*WAYS[way], "go"]
        expected[size].append("<module>")
    (teller.folder / "ways.json").write_text(json.dumps(list(zip(sizes, mixtures))))
    teller.assert_told(PROGRAM, expected)


def test_stacks_are_right_while_a_trace_function_runs(child: Child, teller: Teller) -> None:
    """It is told of generators that are about to run, or have run, and of frames that only pass throw() on: the stack
    has the very frames that the interpreter would show. Where 3.9 has lost them, it says that it is cut."""
    told = child.run(
        """
        import json, sys
        import extension
        from specimen import allocate, libraries, memprof, names
        memprof.start(0)
        shown = {}
        def trace(frame, event, argument):
            if frame.f_code.co_name in ("inner", "outer", "most", "by_next", "by_throw"):
                size, chain = 70000 + len(shown), [event, "trace"]
                while frame:
                    called_from_c = frame.f_code.co_name.startswith("by_")
                    chain += [frame.f_code.co_name, "extension_call()"] if called_from_c else [frame.f_code.co_name]
                    frame = frame.f_back
                shown[size] = chain
                allocate(size)
            return trace
        def inner():
            try:
                yield 1
                yield 2
            except KeyError:
                yield 3
        def outer(): yield from inner()
        def most(): yield from outer()
        def by_next(): next(made)
        def by_throw(): made.throw(KeyError)
        made = most()
        sys.settrace(trace)
        for function in (by_next, by_next, by_throw): extension.call(function, ())
        sys.settrace(None)
        memprof.stop()
        found, mapped = [], libraries()
        for sample in memprof.get_snapshot().samples:
            if sample.size in shown: found.append((shown.pop(sample.size), names(sample.stack, mapped)))
        print(json.dumps(found))
        """,
        environment=teller.environment,
    )
    pairs = json.loads(told)
    assert {shown[0] for shown, _ in pairs} == {"call", "line", "return", "exception"}
    assert len(pairs) > 25
    for (event, *shown), stack in pairs:
        kept = [frame for frame in stack if not frame.endswith("()") or frame == "extension_call()"]
        if VERSION < (3, 10) and kept[-1] == "<cut>":
            assert shown == kept[: len(shown)] == ["trace", "inner", "outer"], (event, kept)
        else:
            assert kept == shown, event


# ---- What must hold of every stack

TELL_STACKS = """
from spprof import _engine
def stacks():
    "Of each: (function, file, line) leaf first, native return addresses, whether frames are known to be missing."
    for stack_id in range(1, memprof.get_stats().unique_stacks + 1):
        words, cut, truncated = _engine.stack(stack_id)
        python = [_engine.code(word) for word in words if word >> 63]
        native = [word & (1 << 48) - 1 for word in words if not word >> 63]
        yield python, native, cut or truncated
"""


def test_every_call_of_the_evaluation_loop_gives_place_to_the_frames_it_runs(child: Child) -> None:
    """No native frame lies in the loop's code, in no stack of a busy program. Nothing recurses endlessly here: before
    3.11 the call that is refused for it has no Python frame yet."""
    include = f"-I{ROOT / 'include'}"
    library = native.compile_library(
        SOURCES / "code_ranges_linux.c", child.folder / "ranges.so", "-D_GNU_SOURCE", include
    )
    busy = BUSY.replace("(lambda: failing(8), recurse)", "(lambda: failing(8),)")
    assert busy != BUSY
    (child.folder / "busy.py").write_text(busy, encoding="utf-8")
    (child.folder / "met.py").write_text(f"from spprof import memprof\n{TELL_STACKS}", encoding="utf-8")
    told = child.run(
        f"""
        import ctypes, threading
        from busy import everything
        from met import memprof, stacks
        find = ctypes.CDLL({str(library)!r}).sp_code_ranges_find
        ranges = (ctypes.c_size_t * 16)()
        count = find(ctypes.pythonapi._PyEval_EvalFrameDefault, ranges, ctypes.c_size_t(8))
        assert count >= 1
        memprof.start(0)
        everything()
        thread = threading.Thread(target=everything)
        thread.start()
        thread.join()
        memprof.stop()
        total = left = 0
        for python, native, _ in stacks():
            total += 1
            left += any(ranges[2 * i] <= word - 1 < ranges[2 * i + 1] for word in native for i in range(count))
        assert total > 500, total
        print(left)
        """
    )
    assert told == "0\n"


def test_every_stack_of_the_main_thread_goes_down_to_its_module(child: Child) -> None:
    (child.folder / "busy.py").write_text(BUSY, encoding="utf-8")
    (child.folder / "met.py").write_text(f"from spprof import memprof\n{TELL_STACKS}", encoding="utf-8")
    told = child.run(
        """
        from busy import everything
        from met import memprof, stacks
        memprof.start(0)
        everything()
        memprof.stop()
        roots, total, marked = set(), 0, 0
        for python, native, missing in stacks():
            total += 1
            marked += missing
            if not missing: roots.add(python[-1][:2] if python else None)
        assert total > 500, total
        assert marked < total / 10, marked
        print(sorted(roots))
        """
    )
    assert told == f"[('<module>', '{child.script}')]\n"
