"""Under ``spprof run``, programs end with the same status and output as without it, and leave a file."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import endings
import pytest
from place import Place, theirs
from specimens import specimen

HOLD = "kept = [bytearray(1 << 20) for _ in range(40)]\n"
RECORDER = "recorder = __import__('sys').modules['spprof.cli.recorder']\n"

diagonal = [
    (ending, endings.PLACES[number % 4], endings.OUTPUTS[(number + number // 4) % 4])
    for number, ending in enumerate(endings.ENDINGS)
]


@pytest.mark.parametrize(("ending", "where", "output"), diagonal)
def test_every_end_is_as_without_us_and_leaves_what_is_promised(
    tmp_path: Path, ending: str, where: str, output: str
) -> None:
    """Each way of ending is tested at one place with one kind of output; tests/nightly/sweep_endings.py tests all
    combinations.
    """
    plain, profiled = (
        endings.run(tmp_path / name, where, ending, output, with_us=name == "profiled")
        for name in ("plain", "profiled")
    )
    assert endings.faults(where, ending, output, plain, profiled) == []


def run_both(place: Place, program: str, *options: str, **how: object) -> tuple[int, str, str]:
    """Run the program with and without spprof. Return what must be equal: the status and the program's own output."""
    place.write(program)
    alone = place.call([sys.executable, "program.py"], **how)  # type: ignore[arg-type]
    ours = place.run("program.py", options=options, **how)
    said = ours.returncode, ours.stdout, theirs(ours.stderr)
    assert said == (alone.returncode, alone.stdout, alone.stderr), ours.stderr
    return said


# ---- os._exit, os.abort and os.exec


def test_what_ends_the_process_looks_as_it_did(place: Place) -> None:
    place.write(specimen("endings/looks"))
    run_both(place, place.script.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "end", ["os._exit(3)", "os.abort()", "os.kill(os.getpid(), signal.SIGTERM)", "os.execv('/bin/true', ['true'])"]
)
def test_what_the_program_has_not_flushed_is_lost_as_without_us(place: Place, end: str) -> None:
    program = f"""
        import os, signal, sys
        sys.__stderr__ = open(2, "w", closefd=False)
        sys.__stderr__.write("lost")
        sys.stdout.write("lost")
        {end}
        while True: pass
        """
    assert "lost" not in "".join(run_both(place, program, environment={"PYTHONUNBUFFERED": ""})[1:])


@pytest.mark.parametrize("depth", ["0", "1", "10"])
def test_os_exit_at_the_recursion_limit_leaves_a_file(place: Place, depth: str) -> None:
    program = f"""
        import os, sys
        {HOLD}
        def deep(left):
            try: deep(left)
            except RecursionError: os._exit(4) if left == 0 else None
            left -= 1
            raise RecursionError
        deep({depth})
        """
    assert run_both(place, program)[0] in (1, 4)
    assert place.profile().samples


HANGS = f"""
{RECORDER}
import os, signal, threading
recorder._PATIENCE_SECONDS = 0.3
os.fsync = lambda descriptor: threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("os._exit(3)", 3),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("threading.Thread(target=os._exit, args=(3,), daemon=True).start()", 3),
    ],
)
def test_an_end_that_is_held_up_comes_all_the_same(place: Place, end: str, status: int) -> None:
    place.write(f"{HANGS}{end}\nthreading.Event().wait()\n")
    ours = place.run("program.py")
    assert (ours.returncode, ours.stdout) == (status, ""), ours.stderr


def test_the_thread_that_ends_the_process_gives_its_status(place: Place) -> None:
    """The main thread ends normally while the other thread is writing."""
    place.write(f"""
        import atexit, os, threading
        {HOLD}
        writes, ends = threading.Event(), threading.Event()
        fsync = os.fsync
        os.fsync = lambda descriptor: (writes.set(), ends.wait(), fsync(descriptor))
        atexit.register(ends.set)
        threading.Thread(target=os._exit, args=(3,), daemon=True).start()
        writes.wait()
        """)
    ours = place.run("program.py")
    assert (ours.returncode, ours.stdout) == (3, ""), ours.stderr
    assert place.profile().samples


def test_a_handler_may_end_the_process_while_we_write(place: Place) -> None:
    place.write("""
        import os, signal
        signal.signal(signal.SIGUSR1, lambda number, frame: os._exit(9))
        fsync = os.fsync
        os.fsync = lambda descriptor: (os.kill(os.getpid(), signal.SIGUSR1), fsync(descriptor))
        """)
    assert place.run("program.py").returncode == 9


@pytest.mark.parametrize("holds", [True, False])
def test_a_child_that_ends_at_once_leaves_a_file_of_what_it_did(place: Place, holds: bool) -> None:
    """A child that only failed to become another program leaves no file."""
    place.write(f"""
        import os, threading
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        if os.fork() == 0:
            try:
                {"kept = bytearray(1 << 25)" if holds else "pass"}
                os.execvp("there-is-no-such-program", ["it"])
            finally:
                os._exit(127)
        print(os.wait()[1] >> 8)
        """)
    ours = place.run("program.py", options=("--rate-kb", "1024"))
    assert (ours.returncode, ours.stdout) == (0, "127\n"), ours.stderr
    assert len(list(place.folder.glob("out.*.pb.gz"))) == holds


def test_a_program_that_cannot_become_another_goes_on(place: Place) -> None:
    place.write("""
        import os
        def before(): return list(map(bytearray, [1 << 20] * 40))
        def after(): return list(map(bytearray, [1 << 20] * 40))
        a = before()
        with open("text", "w") as file: file.write("no program")
        os.chmod("text", 0o755)
        try: os.execv("./text", ["text"])
        except OSError: b = after()
        """)
    ours = place.run("program.py")
    assert (ours.returncode, ours.stdout) == (0, ""), ours.stderr
    assert ours.stderr.count("wrote out.pb.gz") == 2
    functions = {key.function.split(".")[0] for key, value in place.sites().items() if value > 10 << 20}
    assert functions == {"before", "after"}


# ---- Signals


@pytest.mark.parametrize("end", ["os.abort()", "ctypes.CDLL(None).abort()", "os.kill(os.getpid(), signal.SIGABRT)"])
@pytest.mark.parametrize("enabled", ["by the program", "before it"])
def test_an_abort_is_reported_as_without_us(place: Place, end: str, enabled: str) -> None:
    program = f"""
        import ctypes, faulthandler, os, signal
        {"faulthandler.enable()" if enabled == "by the program" else ""}
        def ends(): {end}
        ends()
        while True: pass
        """
    place.write(program)
    environment = {} if enabled == "by the program" else {"PYTHONFAULTHANDLER": "1"}
    alone = place.call([sys.executable, "program.py"], environment=environment)
    ours = place.run("program.py", environment=environment)
    assert ours.returncode == alone.returncode == -signal.SIGABRT
    program_frames = [line for line in theirs(ours.stderr).splitlines() if "program.py" in line]
    assert program_frames == [line for line in alone.stderr.splitlines() if "program.py" in line]
    assert "Fatal Python error: Aborted" in theirs(ours.stderr)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGABRT", "SIGUSR1", "SIGALRM"])
def test_a_handler_that_c_has_set_before_is_left_alone(place: Place, name: str) -> None:
    (place.folder / "sitecustomize.py").write_text(
        f"import faulthandler, signal\nfaulthandler.register(signal.{name}, chain=False)\n"
        if name != "SIGABRT"
        else "import faulthandler\nfaulthandler.enable()\n"
    )
    place.write(f"import os, signal\nos.kill(os.getpid(), signal.{name})\nprint('goes on')\n")
    environment = {"PYTHONPATH": str(place.folder)}
    alone = place.call([sys.executable, "program.py"], environment=environment)
    ours = place.run("program.py", environment=environment)
    assert (ours.returncode, ours.stdout) == (alone.returncode, alone.stdout)


# ---- Under --every


def test_a_file_that_finds_no_memory_is_written_when_there_is_some(place: Place) -> None:
    place.write(specimen("endings/no_memory_for_a_while"))
    ours = place.run("program.py", str(place.output), options=("--every", "0.01"))
    assert ours.returncode == -signal.SIGKILL
    assert place.profile().note("script") == "program.py"
    assert ours.stderr.count("MemoryError()") == 1


def test_a_thread_that_is_refused_costs_the_files_in_between_alone(place: Place) -> None:
    (place.folder / "sitecustomize.py").write_text(
        "from spprof import _engine\n_engine.background_start = lambda work: False\n"
    )
    place.write("print('ran')")
    ours = place.run("program.py", options=("--every", "0.01"), environment={"PYTHONPATH": str(place.folder)})
    assert (ours.returncode, ours.stdout) == (0, "ran\n")
    assert '--every: the file will only be written at the end: RuntimeError("can\'t start new thread")' in ours.stderr
    assert place.profile().note("script") == "program.py"
