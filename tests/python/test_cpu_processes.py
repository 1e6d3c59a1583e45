"""Profiles and processes: fork, exec, subprocesses, multiprocessing, and every way in which a program ends."""

from __future__ import annotations

import sys

import pytest
from child import Spender
from specimens import specimen


def test_a_forked_child_goes_on_by_itself(spender: Spender):
    """The child's profile starts empty, and the parent's profile contains nothing of the child."""
    spender.run(specimen("cpu_processes/a_forked_child_goes_on_by_itself"))


def test_forks_from_threads_while_others_are_sampled(spender: Spender):
    spender.run(specimen("cpu_processes/forks_from_threads_while_others_are_sampled"))


def test_another_program_is_not_hit_by_our_signals(spender: Spender):
    """exec keeps pending signals and removes their handlers."""
    assert (
        spender.run("""
        left = int(os.environ.get("LEFT", 40))
        spprof.start(interval_ms=1)
        for _ in range(2):
            threading.Thread(target=spend, args=(10,), daemon=True).start()
        spend(0.01)
        if left:
            os.environ["LEFT"] = str(left - 1)
            os.execv(sys.executable, [sys.executable, *sys.argv])
        print("arrived")
        os._exit(0)
    """)
        == "arrived\n"
    )


def test_subprocesses_run_as_without_us(spender: Spender):
    spender.run(specimen("cpu_processes/subprocesses_run_as_without_us"))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_gives_its_results(spender: Spender, method: str):
    spender.run(specimen("cpu_processes/multiprocessing_gives_its_results"), method)


ENDS = [
    "the script's end",
    "sys.exit in the main thread",
    "os._exit",
    "an exception in a thread",
    "a fork whose child ends first",
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("native", [False, True], ids=["", "native"])
def test_a_program_ends_while_it_is_profiled(spender: Spender, end: str, native: bool):
    """Some threads continue until the interpreter is gone, and a C thread outlives it."""
    finished = spender.attempt(
        specimen("cpu_processes/a_program_ends_while_it_is_profiled"), end, "native" if native else "python"
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_profile_is_read_after_the_interpreter_began_to_end(spender: Spender):
    assert (
        spender.run("""
        import atexit

        def tell():
            spend(0.1)
            profile = spprof.stop()
            check_seconds(profile, "tell", 0.1)
            print("told")

        spprof.start(interval_ms=1)
        atexit.register(tell)
    """)
        == "told\n"
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="it warns from 3.12 on")
def test_a_fork_is_not_said_to_come_from_several_threads(spender: Spender):
    """No thread of ours is running."""
    spender.run("""
        import warnings

        warnings.simplefilter("error")
        spprof.start(interval_ms=1)
        spend(0.05)
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        spprof.stop()
    """)
