"""Profiles and processes: fork, exec, subprocesses, multiprocessing, and every way in which a program ends."""

from __future__ import annotations

import sys

import pytest
from child import Spender


def test_a_forked_child_goes_on_by_itself(spender: Spender):
    """Its profile begins empty; the parent's knows nothing of it."""
    spender.run("""
        def in_child():
            spend(0.3)

        def in_parent():
            spend(0.3)

        def in_thread():
            spend(0.2)

        spprof.start(interval_ms=1)
        in_parent()
        pid = os.fork()
        if pid == 0:
            in_child()
            threads = in_threads(2, in_thread)
            profile = spprof.stop()
            check_seconds(profile, "in_child", 0.3)
            check_seconds(profile, "in_thread", 0.4, times=2)
            assert seconds_in(profile, "in_parent") == 0, profile
            spprof.start(interval_ms=1)
            spend(0.1)
            check_seconds(spprof.stop(), "spend", 0.1)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        profile = spprof.stop()
        check_seconds(profile, "in_parent", 0.3)
        assert seconds_in(profile, "in_child") == 0, profile
    """)


def test_forks_from_threads_while_others_are_sampled(spender: Spender):
    spender.run("""
        import warnings
        warnings.simplefilter("ignore")

        def forking():
            for _ in range(10):
                pid = os.fork()
                if pid == 0:
                    until_sampled(1, spend, 0.002)
                    os._exit(7 if len(spprof.stop().samples) > 0 else 8)
                ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

        ended = []
        spprof.start(interval_ms=1, native=True)
        busy = [threading.Thread(target=spend, args=(0.3,)) for _ in range(2)]
        for thread in busy: thread.start()
        in_threads(3, forking)
        for thread in busy: thread.join()
        spprof.stop()
        assert ended == [7] * 30, ended
    """)


def test_another_program_is_not_hit_by_our_signals(spender: Spender):
    """exec keeps signals that wait, and takes their handlers away."""
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
    spender.run("""
        import subprocess

        def run_many():
            for number in range(20):
                done = subprocess.run(["sh", "-c", f"exit {number}"], check=False)
                assert done.returncode == number
                assert subprocess.check_output(["echo", "said"]) == b"said\\n"

        spprof.start(interval_ms=1)
        in_threads(3, run_many)
        assert os.system("exit 3") == 3 << 8
        until_sampled(1, spend, 0.01)
        assert len(spprof.stop().samples) > 0
    """)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_gives_its_results(spender: Spender, method: str):
    spender.run(f"""
        import multiprocessing
        import warnings

        def work(number):
            spend(0.01)
            return number * number

        if __name__ == "__main__":
            warnings.simplefilter("ignore")
            context = multiprocessing.get_context({method!r})
            spprof.start(interval_ms=1)
            with context.Pool(3) as pool:
                assert pool.map(work, range(30)) == [number * number for number in range(30)]
            spend(0.05)
            check_seconds(spprof.stop(), "<module>", 0.05, times=20)
    """)


ENDS = {
    "the script's end": "",
    "sys.exit in the main thread": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "an exception in a thread": "sys.stderr = None; in_threads(1, lambda: 1 / 0)",
    "a fork whose child ends first": "pid = os.fork() or os._exit(0); os.waitpid(pid, 0)",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("native", [False, True], ids=["", "native"])
def test_a_program_ends_while_it_is_profiled(spender: Spender, end: str, native: bool):
    """With threads that go on until the interpreter is gone, and one of C that outlives it."""
    finished = spender.attempt(f"""
        import atexit
        import warnings
        warnings.simplefilter("ignore")

        def endless():
            while True:
                spend(0.01)

        atexit.register(spend, 0.05)
        spprof.start(interval_ms=1, native={native})
        for _ in range(3):
            threading.Thread(target=endless, daemon=True).start()
        burners.burners_start(1, 10_000_000_000, False, 0, 0)
        spend(0.05)
        {end}
    """)
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
    """No thread of ours runs."""
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
