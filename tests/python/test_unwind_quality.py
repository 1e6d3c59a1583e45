"""How reliable native stacks are: invented stacks, then code that no unwinder can leave."""

from __future__ import annotations

import json
import sys

import pytest
from child import Child
from naive_heap import NaiveHeap, native_frame, python_frame
from native import compile_text
from specimens import specimen
from spprof import _engine
from spprof.heap.unwind_quality import judge
from spprof.memprof import FramePointerHealth

WHOLE, TRUNCATED = False, True
FAST, SLOW = 0x10_0000_0001, 0x20_0000_0001
NOWHERE = 0x7777_0000_0001


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        (FAST - 1, FAST + 99, 0, 0, "/opt/libfast.so", b""),
        (SLOW - 1, SLOW + 99, 0, 0, "/opt/libslow.so", b""),
    ]
    monkeypatch.setattr(_engine, "modules", lambda: known)


def test_each_stack_counts_as_often_as_it_was_sampled() -> None:
    health = judge([((10, WHOLE, FAST), 97), ((4, TRUNCATED, FAST), 2), ((1, TRUNCATED, FAST), 1)])
    assert health == FramePointerHealth(
        total_native_stacks=100,
        shallow_stack_warnings=1,
        avg_native_depth=(970 + 8 + 1) / 100,
        min_native_depth=1,
        truncation_rate=0.03,
        confidence="high",
        recommendation=None,
    )


def test_a_short_stack_that_is_whole_is_no_warning_and_one_without_frames_is() -> None:
    health = judge([((1, WHOLE, FAST), 30), ((0, TRUNCATED, 0), 1), ((2, TRUNCATED, FAST), 1)])
    assert (health.total_native_stacks, health.shallow_stack_warnings, health.min_native_depth) == (32, 1, 0)


def test_stacks_without_a_native_part_and_without_samples_do_not_count() -> None:
    health = judge([((0, WHOLE, 0), 1000), ((5, WHOLE, FAST), 1), ((1, TRUNCATED, FAST), 0)])
    assert (health.total_native_stacks, health.avg_native_depth, health.min_native_depth) == (1, 5.0, 5)
    assert health.confidence == "high"


@pytest.mark.parametrize(
    ("truncated", "confidence"),
    [(0, "high"), (49, "high"), (50, "medium"), (199, "medium"), (200, "low"), (1000, "low")],
)
def test_confidence_falls_at_5_and_20_percent(truncated: int, confidence: str) -> None:
    health = judge([((9, WHOLE, FAST), 1000 - truncated), ((9, TRUNCATED, FAST), truncated)])
    assert (health.truncation_rate, health.confidence) == (truncated / 1000, confidence)
    assert (health.recommendation is None) == (confidence == "high")


def test_the_recommendation_names_the_modules_where_unwinding_ended_most_often_first() -> None:
    health = judge([((3, TRUNCATED, FAST), 5), ((3, TRUNCATED, SLOW + 8), 4), ((2, TRUNCATED, SLOW), 4)])
    assert health.recommendation == (
        "Unwinding ended early in 100 % of the native stacks, most often in libslow.so, libfast.so: "
        "rebuild code that lacks unwind tables without -fno-asynchronous-unwind-tables, "
        "or with -fno-omit-frame-pointer."
    )


def test_generated_code_is_no_module_to_rebuild() -> None:
    recommendation = judge([((3, TRUNCATED, NOWHERE), 5), ((0, TRUNCATED, 0), 1)]).recommendation
    assert recommendation is not None
    assert "code that belongs to no library" in recommendation


class Jit:
    def __init__(self, enabled: bool) -> None:
        self.is_enabled = lambda: enabled


@pytest.mark.parametrize(("jit", "is_named"), [(None, False), (Jit(False), False), (Jit(True), True)])
def test_generated_code_may_be_the_interpreters_own(
    monkeypatch: pytest.MonkeyPatch, jit: Jit | None, is_named: bool
) -> None:
    monkeypatch.setattr(sys, "_jit", jit, raising=False)
    recommendation = judge([((3, TRUNCATED, NOWHERE), 5)]).recommendation
    assert recommendation is not None
    assert ("PYTHON_JIT=0" in recommendation) is is_named


def test_without_any_stack_there_is_no_confidence_and_a_way_to_get_some() -> None:
    for parts in ([], [((0, WHOLE, 0), 7)]):
        health = judge(parts)
        assert (health.total_native_stacks, health.truncation_rate, health.confidence) == (0, 0.0, "low")
        assert health.recommendation is not None
        assert "take another snapshot" in health.recommendation


def test_a_snapshot_counts_all_samples_ever_taken_in_it() -> None:
    heap = NaiveHeap({1: (python_frame("f"),), 2: (native_frame("inner"), native_frame("outer"), python_frame("f"))})
    for stack_id in (1, 1, 2, 2, 2):
        heap.add(100, 0, stack_id).live = False
    health = heap.snapshot().frame_pointer_health
    assert (health.total_native_stacks, health.avg_native_depth) == (3, 2.0)
    before = tuple(heap.sites())
    heap.add(100, 0, 2)
    later = heap.snapshot(before=before).frame_pointer_health
    assert later.total_native_stacks == 1


# ---- In a program

LIBRARY = """\
#include <stdlib.h>
void *inner(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
void *outer(void *function(size_t), size_t size) {
    void *block = function(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
"""
BLIND = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-exceptions", "-fomit-frame-pointer"]


def health_after(child: Child, calls: str) -> dict[str, object]:
    """Return the health after ten large blocks allocated by Python, and ten each by the libraries usual and blind."""
    compile_text(LIBRARY, child.folder / "usual.so")
    compile_text(LIBRARY, child.folder / "blind.so", *BLIND)
    told: dict[str, object] = json.loads(child.run(specimen("unwind_quality/ten_large_blocks_of_each_kind"), calls))
    return told


def test_a_usual_program_is_trusted(child: Child) -> None:
    health = health_after(child, "usual")
    assert health["confidence"] == "high"
    assert health["recommendation"] is None
    assert health["truncation_rate"] == 0
    assert health["total_native_stacks"] == pytest.approx(20, abs=5)  # with an occasional small block
    assert health["avg_native_depth"] > 5  # type: ignore[operator]


def test_where_the_allocators_caller_has_no_unwind_table_the_stack_is_shallow(child: Child) -> None:
    health = health_after(child, "blind")
    assert health["confidence"] == "low"
    assert health["shallow_stack_warnings"] == 10
    assert "blind.so" in str(health["recommendation"])


def test_the_library_where_unwinding_ended_is_named_not_the_one_that_allocated(child: Child) -> None:
    health = health_after(child, "usual from blind")
    assert health["confidence"] == "low"
    assert health["shallow_stack_warnings"] == 0
    assert "blind.so" in str(health["recommendation"])
    assert "usual.so" not in str(health["recommendation"])
