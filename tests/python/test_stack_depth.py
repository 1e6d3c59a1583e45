"""Stacks as deep as the limit, and deeper."""

from __future__ import annotations

import pytest
from child import Child
from held_stacks import HAS_INLINED_CALLS, held_stacks

DESCENT = """
import held
import sys
from spprof import _engine
sys.setrecursionlimit(20000)
def descend(left, size):
    if left == 0:
        return bytearray(size)
    return descend(left - 1, size)
for _ in range(100): descend(1, 0)  # specialised calls have the same native frames each time
held.memprof.start(0)
"""
LEAF, DEEPER = ("descend", "return bytearray(size)"), ("descend", "return descend(left - 1, size)")


def test_deep_stack_keeps_its_leafmost_frames_and_says_that_it_is_cut(child: Child) -> None:
    """Before 3.11, native frames between the calls also count towards the limit."""
    stacks = held_stacks(
        child,
        DESCENT
        + """
keep = [descend(400, 70001), descend(5000, 70002)]  # both
assert held.words_of(70002) == _engine.STACK_FRAMES_MAX == 1024
held.tell(70001, 70002)
""",
    )
    root = ("<module>", "keep = [descend(400, 70001), descend(5000, 70002)]  # both")
    assert stacks[70001] == [LEAF, *[DEEPER] * 400, root]
    kept = len(stacks[70002]) - 1
    assert stacks[70002] == [LEAF, *[DEEPER] * (kept - 1), ("<cut>", "")]
    assert kept >= (1000 if HAS_INLINED_CALLS else 500)


@pytest.mark.skipif(not HAS_INLINED_CALLS, reason="with two native frames each, the number that fits is not exact")
def test_stack_of_just_as_many_frames_as_are_kept_is_whole(child: Child) -> None:
    stacks = held_stacks(
        child,
        DESCENT
        + """
keep = [descend(0, 70001)]
fits = _engine.STACK_FRAMES_MAX - held.words_of(70001)
keep += [descend(fits, 70002), descend(fits + 1, 70003)]
assert held.words_of(70002) == held.words_of(70003) == _engine.STACK_FRAMES_MAX
held.tell(70002, 70003)
""",
    )
    whole, cut = stacks[70002], stacks[70003]
    assert whole == [LEAF, *[DEEPER] * (len(whole) - 2), ("<module>", whole[-1][1])]
    assert len(cut) == len(whole) + 2
    assert cut[-1] == ("<cut>", "")
