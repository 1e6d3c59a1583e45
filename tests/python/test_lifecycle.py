"""The profiler's lifecycle from import to exit: which hooks are installed when, what accumulates, and what threads and
forked children may do in the meantime.
"""

from __future__ import annotations

import pytest
from child import Child
from specimens import specimen

PRELOADED = pytest.mark.parametrize("preload", [False, True], ids=["", "preloaded"])

# ---- Installed hooks --------------------------------------------------------------------------------------------


@PRELOADED
def test_importing_hooks_nothing_and_starts_no_thread(child: Child, preload: bool) -> None:
    child.run(
        """
    from hooks import hooks, threads
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
    """The RAW hook stays installed after a stop so that it sees frees, unless malloc's own hooks see them. No thread is
    needed.
    """
    child.run(
        specimen("lifecycle/hooks_come_with_start_and_the_pools_go_with_stop"),
        native,
        preload=preload,
        environment={"PYTHONMALLOC": ""},
    )


# ---- Starting and stopping --------------------------------------------------------------------------------------


def test_start_after_stop_accumulates_and_every_sample_keeps_its_rate(child: Child) -> None:
    child.run(specimen("lifecycle/start_after_stop_accumulates_and_every_sample_keeps_its_rate"))


def test_a_failed_start_or_stop_changes_nothing(child: Child) -> None:
    child.run(specimen("lifecycle/a_failed_start_or_stop_changes_nothing"))


@PRELOADED
def test_shutting_down_is_one_way_and_later_frees_pass_by(child: Child, preload: bool) -> None:
    child.run(
        specimen("lifecycle/shutting_down_is_one_way_and_later_frees_pass_by"),
        preload=preload,
    )


@PRELOADED
def test_total_is_live_plus_freed_whoever_allocates_meanwhile(child: Child, preload: bool) -> None:
    child.run(
        specimen("lifecycle/total_is_live_plus_freed_whoever_allocates_meanwhile"),
        preload=preload,
    )


def test_any_thread_may_start_and_stop(child: Child) -> None:
    child.run(specimen("lifecycle/any_thread_may_start_and_stop"))


def test_a_memory_profiler_shows_only_its_own_block(child: Child) -> None:
    """This also holds if the block is the very first use of the package, if an exception ends it, and if it is entered
    again.
    """
    child.run(specimen("lifecycle/a_memory_profiler_shows_only_its_own_block"))


# ---- Forking ----------------------------------------------------------------------------------------------------


@PRELOADED
@pytest.mark.parametrize(
    ("threads", "stopped", "forks"),
    [(0, False, 3), (0, True, 3), (4, False, 8)],
    ids=["active", "stopped", "while threads allocate"],
)
def test_a_forked_child_goes_on_profiling(child: Child, threads: int, stopped: bool, forks: int, preload: bool) -> None:
    words = (str(threads), "stopped" if stopped else "active", str(forks))
    child.run(specimen("lifecycle/fork"), *words, preload=preload)


@PRELOADED
def test_a_forked_child_may_end_like_any_program(child: Child, preload: bool) -> None:
    """A forked child may exit through the interpreter's normal shutdown."""
    printed = child.run(
        specimen("lifecycle/a_forked_child_may_end_like_any_program"),
        preload=preload,
    )
    assert printed.splitlines() == ["active at exit: False"] * 2


@PRELOADED
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(child: Child, method: str, preload: bool) -> None:
    finished = child.attempt(specimen("lifecycle/multiprocessing_children"), method, preload=preload)
    assert (finished.returncode, finished.stdout) == (0, "good\n"), finished.stderr
    assert "Traceback" not in finished.stderr


def test_forked_children_draw_each_their_own_samples(child: Child) -> None:
    child.run(specimen("lifecycle/forked_children_draw_each_their_own_samples"))


# ---- Exiting ----------------------------------------------------------------------------------------------------


@PRELOADED
@pytest.mark.parametrize("rate", [0, 64])
def test_a_program_may_exit_with_threads_still_allocating(child: Child, rate: int, preload: bool) -> None:
    finished = child.attempt(
        specimen("lifecycle/a_program_may_exit_with_threads_still_allocating"),
        str(rate),
        preload=preload,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (5, "going\n", "")
