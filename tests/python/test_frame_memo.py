"""Everything derived from a frame is computed once per object, and never used for another."""

from __future__ import annotations

from naive_heap import python_frame
from spprof.formats.frame_memo import PerFrame
from spprof.results import Frame


def test_each_frame_is_worked_out_once_and_results_stand_in_the_order_of_the_frames() -> None:
    asked = []

    def work(frame: Frame) -> int:
        asked.append(frame.line)
        return 10 * frame.line

    one, two, three = (python_frame("f", line) for line in (1, 2, 3))
    results = PerFrame(work)
    assert results.of((one, two, one)) == (10, 20, 10)
    assert results.of((two, three)) == (20, 30)
    assert results.of((three, two, one)) == (30, 20, 10)
    assert results.of(()) == ()
    assert asked == [1, 2, 3]


def test_a_frame_that_is_gone_lends_its_result_to_no_other() -> None:
    results = PerFrame(lambda frame: frame.line)
    assert [results.of((python_frame("f", line),)) for line in range(1000)] == [(line,) for line in range(1000)]
