"""``spprof run``: a program behaves as without us, and its file is there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest
import spprof
from child import library_path
from spprof import _memprof
from spprof.cli import run as run_verb
from spprof.pprof.file import read_profile
from spprof.pprof.profile import Profile
from spprof.sites import SiteKey
from spprof.tally import Tally

TIMEOUT_SECONDS = 60
SPPROF = [sys.executable, "-m", "spprof"]
BYTES = 10_000_000


class Place:
    """A folder with a program, run with and without us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "program.py"
        self.output = folder / "out.pb.gz"

    def write(self, program: str) -> None:
        self.script.write_text(textwrap.dedent(program), encoding="utf-8")

    def call(
        self, command: list[str], stdin: str = "", environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        variables.update(environment or {})
        return subprocess.run(
            command,
            cwd=self.folder,
            env=variables,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def run(self, *words: str, options: tuple[str, ...] = (), **how: object) -> subprocess.CompletedProcess[str]:
        command = [*SPPROF, "run", "-f", "-o", str(self.output), *options, *words]
        return self.call(command, **how)  # type: ignore[arg-type]

    def profile(self, name: str = "out.pb.gz") -> Profile:
        return read_profile(str(self.folder / name))

    def sites(self, name: str = "out.pb.gz") -> dict[SiteKey, int]:
        profile = self.profile(name)
        return {key: own.value for key, own in Tally(profile, profile.default_index).own.items()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def theirs(stderr: str) -> str:
    """What the program itself wrote."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not line.startswith("spprof:"))


PROGRAMS = {
    "arguments": """
        import sys
        print(sys.argv, sys.path[0], sys.path.count(sys.path[0]))
        """,
    "main": """
        import sys
        main = sys.modules["__main__"]
        print(sorted(globals()), __name__, __file__, __spec__ and __spec__.name, __package__, __doc__)
        print(main.__dict__ is globals(), type(__loader__).__name__, __loader__.name, type(__builtins__).__name__)
        """,
    "stdin": "import sys; print(sys.stdin.read().upper())",
    "status": "import sys; sys.exit(37)",
    "message": "import sys; sys.exit('the end')",
    "raises": """
        def deep(): raise ValueError("x")
        try:
            deep()
        except ValueError:
            raise KeyError("y")
        """,
    "syntax error": "x = = 1",
    "raises what has a hook": """
        import sys, traceback
        def hook(kind, error, tb):
            print(kind, [frame.name for frame in traceback.extract_tb(tb)], sys.last_traceback is tb)
        sys.excepthook = hook
        1 / 0
        """,
    "interrupted": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)\nwhile True: pass",
    "hung up": "import os, signal; os.kill(os.getpid(), signal.SIGHUP)\nwhile True: pass",
    "its own handler": """
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)
        while True: pass
        """,
    "its own exit handlers": """
        import atexit
        atexit.register(print, "bye")
        """,
    "environment": """
        import os, subprocess, sys
        print({name: os.environ.get(name) for name in ("LD_PRELOAD", "PYTHONPATH")})
        print(subprocess.check_output([sys.executable, "-c", "import os; print(os.environ.get('LD_PRELOAD'))"]))
        """,
    "threads": """
        import threading
        print(threading.active_count(), threading.current_thread() is threading.main_thread())
        threading.Thread(target=lambda: print("last")).start()
        """,
    "a worker that is ended as it begins": """
        import multiprocessing, threading
        context = multiprocessing.get_context("fork")
        for _ in range(20):
            worker = context.Process(target=threading.Event().wait)
            worker.start()
            worker.terminate()
            worker.join()
            print(worker.exitcode)
        """,
    "a fork": """
        import os
        child = os.fork()
        if child == 0:
            raise SystemExit(3)
        print(os.waitpid(child, 0)[1] >> 8)
        """,
    "workers": """
        import multiprocessing
        context = multiprocessing.get_context("fork")
        for _ in range(5):
            with context.Pool(2) as pool:
                print(pool.map(abs, [-1, -2, -3]))
        worker = context.Process(target=print, args=("in the worker",))
        worker.start(); worker.join(); print(worker.exitcode)
        """,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_script_behaves_as_without_us(place: Place, program: str):
    place.write(program)
    words = ["program.py", "a", "-o", "--json", "-m"]
    alone = place.call([sys.executable, *words], stdin="hello")
    ours = place.run(*words, stdin="hello")
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)
    assert place.profile().note("script") == "program.py"


@pytest.mark.parametrize("name", ["arguments", "main", "raises", "interrupted", "status", "terminated"])
def test_a_module_behaves_as_without_us(place: Place, name: str):
    place.write(PROGRAMS[name])
    alone = place.call([sys.executable, "-m", "program", "a", "-x"])
    ours = place.run("-m", "program", "a", "-x")
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)
    assert place.profile().note("script") == "program"


def test_a_folder_behaves_as_without_us(place: Place):
    (place.folder / "app").mkdir()
    (place.folder / "app" / "__main__.py").write_text("import sys; print(sys.argv, sys.path[0], __file__); 1 / 0")
    alone, ours = place.call([sys.executable, "app", "a"]), place.run("app", "a")
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)


@pytest.mark.parametrize("path", ["./program.py", "link.py", "{folder}/program.py", "../{name}/program.py"])
def test_paths_are_as_without_us(place: Place, path: str):
    place.write("import sys; print(sys.argv, sys.path[0], __file__)")
    (place.folder / "sub").mkdir()
    (place.folder / "link.py").symlink_to(place.script)
    path = path.format(folder=place.folder, name=place.folder.name)
    assert place.run(path).stdout == place.call([sys.executable, path]).stdout


@pytest.mark.parametrize(
    "options", [["-X", "dev", "-X", "utf8"], ["-W", "error", "-B"], ["-OO", "-b"], ["-E", "-s"], ["-I"], ["-u"]]
)
def test_options_of_the_interpreter_are_carried_over(place: Place, options: list[str]):
    place.write("""
        import sys
        print(sys.flags, sys._xoptions, sys.warnoptions, sys.path[0], sys.stdout.write_through)
        """)
    environment = {"PYTHONWARNINGS": "ignore::UserWarning"}
    alone = place.call([sys.executable, *options, "program.py"], environment=environment)
    command = [sys.executable, *options, "-m", "spprof", "run", "-f", "-o", str(place.output), "program.py"]
    ours = place.call(command, environment=environment)
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout == alone.stdout


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_just_before_a_wait_ends_the_program(place: Place, burners: dict[str, str], name: str):
    """CPython's handler leaves a mark, at which nobody looks who waits in C."""
    place.write(f"""
        import ctypes, os, signal
        ctypes.CDLL(os.environ["BURNERS"]).breaks_off_wait(signal.{name})
        """)
    ours = place.run("program.py", environment=burners)
    assert ours.returncode == -signal.Signals[name]
    assert place.profile().note("script") == "program.py"


def test_a_signal_before_a_call_that_never_ends_ends_the_program(place: Place, burners: dict[str, str]):
    """Without a file, which only Python could write."""
    place.write("""
        import ctypes, os, signal
        ctypes.CDLL(os.environ["BURNERS"]).waits_on(signal.SIGTERM)
        """)
    assert place.run("program.py", environment=burners).returncode == -signal.SIGTERM
    assert not place.output.exists()


# ---- the file


def test_memory_is_named_by_the_lines_of_the_program_and_by_no_other(place: Place):
    place.write(f"""
        def hold():
            return bytearray({BYTES})
        held = hold()
        """)
    place.run("program.py")
    place_of_hold = SiteKey("hold", str(place.script), 3)
    assert place.sites()[place_of_hold] == BYTES + 1
    (stack,) = [s.stack for s in place.profile().samples if s.values[3] == BYTES + 1]
    assert [frame.function for frame in place.profile().frames(stack) if frame.is_python] == ["hold", "<module>"]


def test_the_library_is_preloaded_before_what_was_there(place: Place):
    place.write("print([line.split()[-1] for line in open('/proc/self/maps') if '.so' in line][0])")
    environment = {"LD_PRELOAD": "libm.so.6"}
    ours = place.call([*SPPROF, "run", "-o", str(place.output), "program.py"], environment=environment)
    assert ours.returncode == 0, ours.stderr
    place.write("""
        import os
        start = open("/proc/self/environ", "rb").read().split(b"\\0")
        print([entry for entry in start if entry.startswith(b"LD_PRELOAD=")], os.environ["LD_PRELOAD"])
        import spprof.memprof
        print(spprof.memprof.get_stats().native_mode)
        """)
    ours = place.run("program.py", environment=environment)
    assert ours.stdout == f"[b'LD_PRELOAD={library_path()}:libm.so.6'] libm.so.6\npreload\n"


def test_a_library_that_cannot_be_preloaded_is_said_in_one_line_and_patching_does(place: Place):
    package = Path(spprof.__file__).parent
    copy = place.folder / "with space" / "spprof"
    shutil.copytree(package, copy)
    place.write("import spprof.memprof; print(spprof.__file__, spprof.memprof.get_stats().native_mode)")
    ours = place.run("program.py", environment={"PYTHONPATH": str(copy.parent)})
    assert ours.stdout == f"{copy / '__init__.py'} patch\n"
    assert len([line for line in ours.stderr.splitlines() if "cannot be preloaded" in line]) == 1
    assert place.output.exists()


@pytest.mark.parametrize("entries", ["", "a.so:b.so", "a.so b.so"])
def test_entries_of_ld_preload_are_kept(monkeypatch: pytest.MonkeyPatch, entries: str):
    monkeypatch.setenv("LD_PRELOAD", entries)
    environment, before = run_verb._environment()
    assert before == entries
    assert environment["LD_PRELOAD"] == (f"{_memprof.library_path()}:{entries}" if entries else _memprof.library_path())


def test_forked_children_write_files_of_their_own(place: Place):
    place.write(f"""
        import multiprocessing, os
        def work():
            global held
            held = bytearray({BYTES})
        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start(); worker.join()
        child = os.fork()
        if child == 0:
            held = bytearray({2 * BYTES})
            raise SystemExit
        os.waitpid(child, 0)
        print(worker.pid, child)
        """)
    worker, child = place.run("program.py").stdout.split()
    assert sorted(path.name for path in place.folder.glob("out*")) == sorted(
        ["out.pb.gz", f"out.pb.gz.{worker}", f"out.pb.gz.{child}"]
    )
    assert place.sites(f"out.pb.gz.{worker}")[SiteKey("work", str(place.script), 5)] == BYTES + 1
    assert place.sites(f"out.pb.gz.{child}")[SiteKey("<module>", str(place.script), 10)] == 2 * BYTES + 1
    assert BYTES + 1 not in place.sites().values()


WAIT = """
    import os, signal, sys
    held = bytearray({BYTES})
    while not os.path.exists("out.pb.gz"):
        pass
    """


@pytest.mark.parametrize(
    ("end", "status"), [("os._exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)]
)
def test_every_leaves_a_file_whatever_happens(place: Place, end: str, status: int):
    place.write(textwrap.dedent(WAIT).replace("{BYTES}", str(BYTES)) + end)
    ours = place.run("program.py", options=("--every", "0.05"))
    assert (ours.returncode, ours.stdout) == (status, "")
    assert BYTES + 1 in place.sites().values()
    files = {frame.file for location in place.profile().locations for frame in location.frames}
    assert not [file for file in files if "/spprof/" in file]


def obey_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would what that starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_server_that_is_interrupted_leaves_its_file(place: Place):
    place.write("")
    command = [sys.executable, "-u", "-m", "spprof", "run", "-o", str(place.output), "-m", "http.server"]
    command += ["0", "--bind", "127.0.0.1"]  # any other address would be looked up in the DNS
    server = subprocess.Popen(
        command,
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=obey_interrupts,
    )
    assert server.stdout
    port = re.search(r"port (\d+)", server.stdout.readline())
    assert port
    with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/program.py") as answer:  # now it is in its loop
        assert answer.status == 200
    server.send_signal(signal.SIGINT)
    rest, errors = server.communicate(timeout=TIMEOUT_SECONDS)
    assert (server.returncode, rest.strip(), [line for line in theirs(errors).splitlines() if "GET" not in line]) == (
        0,
        "Keyboard interrupt received, exiting.",
        [],
    )
    assert place.output.exists()


@pytest.mark.long
def test_pytest_of_a_real_package_passes_as_without_us(place: Place):
    pytest.importorskip("numpy")
    words = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--noconftest",
        "--pyargs",
        "numpy.lib.tests.test_stride_tricks",
    ]
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    alone = place.call([sys.executable, *words], environment=environment)
    ours = place.run(*words, environment=environment)
    assert ours.returncode == alone.returncode == 0, ours.stdout
    assert _summary_without_time(ours.stdout) == _summary_without_time(alone.stdout)
    assert place.profile().note("script") == "pytest"


def _summary_without_time(printed: str) -> str:
    return printed.strip().splitlines()[-1].split(" in ")[0]


def test_the_summary_tells_estimate_sites_and_the_next_command(place: Place):
    place.write(f"held = bytearray({BYTES})")
    lines = place.run("program.py").stderr.splitlines()
    assert lines[0].startswith("spprof: alive at the end: 9.5 MiB (9.5 MiB - ")
    assert lines[1].endswith(f"<module> ({place.script}:1)")
    assert lines[-2] == "spprof: few samples make wide intervals; --rate-kb 64 sees 8 times as much"
    assert lines[-1] == "spprof: wrote out.pb.gz; look at it: spprof table out.pb.gz"


SEEDED = """
    from spprof import _memprof
    start = _memprof.start
    _memprof.start = lambda rate, native, _: start(rate, native, SEED)
"""


def test_an_empty_result_explains_itself(place: Place):
    """With a seed: by chance one run in some hundreds has a sample even at this rate."""
    seeded = place.folder / "seeded"
    seeded.mkdir()
    (seeded / "sitecustomize.py").write_text(textwrap.dedent(SEEDED).replace("SEED", "1"))
    place.write("")
    environment = {"PYTHONPATH": str(seeded)}
    finished = place.run("program.py", options=("--rate-kb", "1048576"), environment=environment)
    lines = finished.stderr.splitlines()
    assert "nothing was sampled" in lines[1]
    table = place.call([*SPPROF, "table", "out.pb.gz"])
    assert "Nothing that was live was sampled: less than 3.7 GiB was alive" in table.stdout
    assert table.returncode == 0


def test_the_file_is_named_after_the_script_and_is_ours_alone(place: Place):
    place.write("import os; print(os.getpid()); os.chdir('/')")
    ours = place.call([*SPPROF, "run", "program.py"])
    (file,) = place.folder.glob("*.pb.gz")
    assert file.name == f"spprof-program.py.{ours.stdout.strip()}.pb.gz"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_fifo_is_written_to(place: Place):
    place.write(f"held = bytearray({BYTES})")
    fifo = place.folder / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE) as reader:
        assert place.call([*SPPROF, "run", "-o", str(fifo), "program.py"]).returncode == 0
        assert reader.stdout
        assert reader.stdout.read(2) == b"\x1f\x8b"


@pytest.mark.parametrize(
    ("name", "start"),
    [("x.json", b'{"$schema"'), ("x.collapsed", b"<module> ("), ("x", b"\x1f"), ("x.html", b"<!doctype")],
)
def test_the_suffix_means_the_format(place: Place, name: str, start: bytes):
    place.write(f"held = bytearray({BYTES})")
    assert place.call([*SPPROF, "run", "-o", name, "program.py"]).returncode == 0
    assert (place.folder / name).read_bytes().startswith(start)


BAD_USAGE = {
    "no program": ([], "name a script"),
    "no module": (["-m"], "name a module"),
    "no such script": (["nope.py"], "can't open file nope.py"),
    "output exists": (["-o", "there", "program.py"], "exists; -f overwrites it"),
    "output is a folder": (["-f", "-o", ".", "program.py"], "is a folder"),
    "no folder": (["-o", "no/where", "program.py"], "there is no folder"),
    "rate": (["--rate-kb", "-1", "program.py"], "must lie between"),
    "every": (["--every", "0", "program.py"], "must lie between"),
    "every, into a device": (["--every", "1", "-o", "/dev/null", "program.py"], "use a regular file"),
    "unknown option": (["--cpus", "program.py"], "unrecognized arguments: --cpus"),
    "interval": (["--cpu", "0.5", "program.py"], "must lie between 1 and 1000 milliseconds"),
    "nothing to record": (["--no-heap", "program.py"], "--no-heap leaves nothing to record; add --cpu"),
    "the second output exists": (["--cpu", "-o", "here", "program.py"], "here.cpu exists; -f overwrites it"),
    "two files into one device": (["--cpu", "-o", "/dev/null", "program.py"], "use a regular file or --no-heap"),
}


@pytest.mark.parametrize(("words", "message"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_is_status_2_and_the_program_does_not_run(place: Place, words: list[str], message: str):
    place.write("open('ran', 'w')")
    for name in ("there", "here.cpu"):
        (place.folder / name).write_text("precious")
    ours = place.call([*SPPROF, "run", *words])
    assert ours.returncode == 2
    assert message in ours.stderr
    assert not (place.folder / "ran").exists()
    assert (place.folder / "there").read_text() == "precious"


def test_a_full_disk_is_said_and_the_status_is_the_programs(place: Place):
    place.write("import sys; sys.exit(5)")
    ours = place.call([*SPPROF, "run", "-o", "/dev/full", "program.py"])
    assert ours.returncode == 5
    assert ours.stderr.startswith("spprof: /dev/full: No space left on device")


@pytest.mark.parametrize("ending", ["os.close(2)", "sys.stderr.close()", "os.dup2(os.open('/dev/full', 1), 2)"])
def test_a_program_without_a_stderr_at_its_end_has_its_own_status(place: Place, ending: str):
    place.write(f"import os, sys; {ending}; print('said')")
    alone, ours = place.call([sys.executable, "program.py"]), place.run("program.py")
    assert (
        (ours.stdout, ours.stderr, ours.returncode)
        == (alone.stdout, alone.stderr, alone.returncode)
        == ("said\n", "", 0)
    )
    assert place.output.exists()


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_a_program_started_without_stdout_or_stderr_runs_as_without_us(place: Place, closed: str):
    place.write("import sys; print('said'); print('said', file=sys.stderr); sys.exit(5)")

    def run(*command: object) -> tuple[str, str, int]:
        finished = place.call(["sh", "-c", f'"$@" {closed}', "sh", *map(str, command)])
        return finished.stdout, theirs(finished.stderr), finished.returncode

    assert run(*SPPROF, "run", "-f", "-o", place.output, "program.py") == run(sys.executable, "program.py")
    assert place.output.exists()


def test_a_program_that_stops_the_profiler_itself_still_gets_its_file(place: Place):
    place.write("import spprof.memprof; spprof.memprof.stop(); spprof.memprof.shutdown()")
    assert place.run("program.py").returncode == 0
    assert place.output.exists()


# ---- CPU

BUSY = """
    from spprof import _memprof
    def busy(samples=5):
        goal = _memprof.cpu_stats()["samples"] + samples
        while _memprof.cpu_stats()["samples"] < goal:
            pass
    def work():
        busy()
    """


def cpu_stacks(profile: Profile) -> set[tuple[str, ...]]:
    return {tuple(frame.function for frame in profile.frames(sample.stack)) for sample in profile.samples}


def test_cpu_time_goes_to_a_second_file_with_the_lines_of_the_program_and_no_other(place: Place):
    place.write(textwrap.dedent(BUSY) + f"work()\nheld = bytearray({BYTES})\n")
    ours = place.run("program.py", options=("--cpu", "1"))
    assert sorted(path.name for path in place.folder.glob("out*")) == ["out.cpu.pb.gz", "out.pb.gz"]
    profile = place.profile("out.cpu.pb.gz")
    assert profile.note("script") == "program.py"
    assert profile.period == 1_000_000
    assert ("busy", "work", "<module>") in cpu_stacks(profile)
    files = {frame.file for location in profile.locations for frame in location.frames if frame.is_python}
    assert not [file for file in files if "/spprof/" in file]
    assert BYTES + 1 in place.sites().values()
    lines = [line for line in ours.stderr.splitlines() if line.startswith("spprof: ")]
    assert lines[0].startswith("spprof: alive at the end: ")
    assert any(re.fullmatch(r"spprof: CPU: .* samples of 1 thread, one each .*", line) for line in lines)
    assert any(re.fullmatch(r"spprof:  .* [mu]?s +\d+\.\d %  busy \(.*program\.py:\d\)", line) for line in lines), lines
    assert lines[-1] == "spprof: wrote out.cpu.pb.gz; look at it: spprof table out.cpu.pb.gz"


def test_what_writing_the_heap_uses_is_not_taken_for_the_programs(place: Place):
    """It would be less than nothing that short threads have used."""
    place.write("""
        import threading, time
        def use():
            end = time.thread_time_ns() + 5_000_000
            while time.thread_time_ns() < end:
                pass
        held = [bytearray(1_000) for _ in range(20_000)]
        for _ in range(20):
            thread = threading.Thread(target=use)
            thread.start(); thread.join()
        """)
    place.run("program.py", options=("--cpu", "1000", "--rate-kb", "0"))
    profile = place.profile("out.cpu.pb.gz")
    rest = [
        s.values[1] for s in profile.samples if profile.frames(s.stack)[0].function.startswith("<threads too short")
    ]
    assert sum(rest) >= 15 * 5_000_000
    short = profile.note("short_threads")
    assert short is not None
    assert int(short) >= 15


def test_cpu_time_alone_needs_no_library_and_one_file(place: Place):
    place.write(textwrap.dedent(BUSY) + "work()\nprint(open('/proc/self/environ').read().count('LD_PRELOAD'))\n")
    ours = place.run("program.py", options=("--cpu", "--no-heap"))
    assert ours.stdout == "0\n"
    assert [path.name for path in place.folder.glob("out*")] == ["out.pb.gz"]
    profile = place.profile()
    assert (profile.default_type, profile.period) == ("cpu", 10_000_000)
    assert "alive at the end" not in ours.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--cpu", "program.py"], ["spprof-program.py.{pid}.cpu.pb.gz", "spprof-program.py.{pid}.pb.gz"]),
        (["--cpu", "--no-heap", "program.py"], ["spprof-program.py.{pid}.cpu.pb.gz"]),
        (["--cpu=5", "-o", "x.json", "program.py"], ["x.cpu.json", "x.json"]),
        (["-o", "x", "--cpu", "2.5", "--", "program.py"], ["x", "x.cpu"]),
        (["--cpu", "--no-heap", "-o", "x.collapsed", "program.py"], ["x.collapsed"]),
    ],
)
def test_files_of_cpu_time_are_named_after_those_of_the_heap(place: Place, words: list[str], names: list[str]):
    place.write("import os; print(os.getpid())")
    ours = place.call([*SPPROF, "run", *words])
    assert ours.returncode == 0, ours.stderr
    (place.folder / "program.py").unlink()
    expected = [name.format(pid=ours.stdout.strip()) for name in names]
    assert sorted(path.name for path in place.folder.iterdir()) == expected


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["main", "raises", "interrupted", "terminated", "its own handler", "threads", "a fork", "workers"]
)
def test_a_script_behaves_as_without_us_under_the_cpu_profiler(place: Place, name: str):
    place.write(PROGRAMS[name])
    alone = place.call([sys.executable, "program.py"])
    ours = place.run("program.py", options=("--cpu", "1", "--no-heap"))
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)
    assert place.profile().note("script") == "program.py"


def test_forked_children_write_cpu_files_of_their_own(place: Place):
    place.write(
        textwrap.dedent(BUSY)
        + textwrap.dedent("""
        import multiprocessing, os
        def in_child(): busy()
        worker = multiprocessing.get_context("fork").Process(target=in_child)
        worker.start(); worker.join()
        work()
        print(worker.pid)
        """)
    )
    worker = place.run("program.py", options=("--cpu", "1", "--no-heap")).stdout.strip()
    assert sorted(path.name for path in place.folder.glob("out*")) == ["out.pb.gz", f"out.pb.gz.{worker}"]
    of_child = {name for stack in cpu_stacks(place.profile(f"out.pb.gz.{worker}")) for name in stack}
    of_parent = {name for stack in cpu_stacks(place.profile()) for name in stack}
    assert ("in_child" in of_child, "work" in of_child) == (True, False)
    assert ("in_child" in of_parent, "work" in of_parent) == (False, True)


def test_every_leaves_both_files_whatever_happens(place: Place):
    place.write(
        textwrap.dedent(BUSY)
        + textwrap.dedent("""
        import os
        work()
        first = None
        while first is None or os.stat("out.cpu.pb.gz").st_ino == first:  # the second that holds it all
            if os.path.exists("out.cpu.pb.gz") and first is None:
                first = os.stat("out.cpu.pb.gz").st_ino
        os._exit(7)
        """)
    )
    ours = place.run("program.py", options=("--every", "0.05", "--cpu", "1"))
    assert (ours.returncode, ours.stdout) == (7, "")
    assert place.profile().default_type == "inuse_space"
    stacks = cpu_stacks(place.profile("out.cpu.pb.gz"))
    assert ("busy", "work", "<module>") in stacks
    names = {name for stack in stacks for name in stack}
    assert not {"Recorder._tick", "Recorder._write", "_tick", "_write"} & names


def test_a_program_that_uses_the_cpu_profiler_itself_is_told_so(place: Place):
    place.write("import spprof\ntry: spprof.start()\nexcept RuntimeError as error: print(error)\nspprof.stop()\n")
    ours = place.run("program.py", options=("--cpu", "--no-heap"))
    assert "already running" in ours.stdout
    assert ours.returncode == 0
    assert place.output.exists()
