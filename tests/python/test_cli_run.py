"""Under ``spprof run``, a program behaves just as it would without it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from place import Place, theirs
from programs import PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_script_behaves_as_without_us(place: Place, program: str):
    place.write(program)
    words = ["program.py", "a", "-o", "--json", "-m"]
    alone = place.call([sys.executable, *words], stdin="hello")
    ours = place.run(*words, stdin="hello")
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)
    if program != PROGRAMS["syntax error"]:  # this program cannot be started
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
    """CPython's handler only sets a flag, which a thread waiting in C does not check."""
    place.write(f"""
        import ctypes, os, signal
        ctypes.CDLL(os.environ["BURNERS"]).breaks_off_wait(signal.{name})
        """)
    ours = place.run("program.py", environment=burners)
    assert ours.returncode == -signal.Signals[name]
    assert place.profile().note("script") == "program.py"


def test_a_signal_before_a_call_that_never_ends_ends_the_program(place: Place, burners: dict[str, str]):
    """There is no file, because only Python could write one."""
    place.write("""
        import ctypes, os, signal
        ctypes.CDLL(os.environ["BURNERS"]).waits_on(signal.SIGTERM)
        """)
    assert place.run("program.py", environment=burners).returncode == -signal.SIGTERM
    assert not place.output.exists()


# ---- Programs that are not a file

CODE = "import sys; print(__name__, sys.argv, sys.path[0], '__file__' in dir())"


@pytest.mark.parametrize("words", [["-c", CODE, "a", "-x"], [f"-c{CODE}", "a"]])
def test_code_behaves_as_without_us(place: Place, words: list[str]):
    alone, ours = place.call([sys.executable, *words]), place.run(*words)
    assert (ours.stdout, ours.returncode) == (alone.stdout, 0)
    assert place.profile().note("script") == "command"


def test_a_failing_code_has_the_traceback_it_would_have(place: Place):
    code = "def f():\n    1 / 0\nf()"
    alone, ours = place.call([sys.executable, "-c", code]), place.run("-c", code)
    assert (theirs(ours.stderr), ours.returncode) == (alone.stderr, alone.returncode)


def test_standard_input_behaves_as_without_us(place: Place):
    program = "import sys\nprint(__name__, sys.argv, sys.path[0], '__file__' in dir(), sys.stdin.read())\n1 / 0\n"
    alone, ours = (place.call([*words, "-", "a"], stdin=program) for words in ([sys.executable], RUN))
    assert (ours.stdout, theirs(ours.stderr), ours.returncode) == (alone.stdout, alone.stderr, alone.returncode)
    (file,) = place.folder.glob("*.pb.gz")
    assert file.name.startswith("spprof-stdin.")


RUN = [sys.executable, "-m", "spprof", "run"]
SCRIPT = "#!{python}\nimport sys\nprint(sys.argv, __file__)\n"


def command(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("python", ["/usr/bin/env python3", sys.executable])
def test_an_installed_command_is_found_in_path(place: Place, python: str):
    path = command(place.folder / "bin", "serve-it", SCRIPT.format(python=python))
    variables = {"PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}
    alone = place.call([sys.executable, str(path), "app:app"])
    ours = place.call([*RUN, "-o", str(place.output), "serve-it", "app:app"], environment=variables)
    assert (ours.stdout, ours.returncode) == (alone.stdout, 0)
    assert place.profile().note("script") == "serve-it"


def test_a_script_of_the_name_comes_before_a_command(place: Place):
    path = command(place.folder / "bin", "program.py", SCRIPT.format(python=sys.executable))
    place.write("print('here')")
    variables = {"PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}
    assert place.call([*RUN, "-f", "-o", "x.pb.gz", "program.py"], environment=variables).stdout == "here\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\necho no\n", "is not a Python program"),
        (
            "#!/other/env/bin/python3\n",
            "belongs to another Python; install spprof there and use /other/env/bin/python3 -m",
        ),
    ],
)
def test_commands_that_this_python_cannot_run_are_told_apart(place: Place, text: str, words: str):
    path = command(place.folder / "bin", "serve-it", text)
    variables = {"PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}
    refused = place.call([*RUN, "serve-it"], environment=variables)
    assert refused.returncode == 2
    assert words in refused.stderr


@pytest.mark.parametrize(
    ("words", "source"),
    [(["-m", "no_such_module"], ""), (["program.py"], "def ("), (["-c", "def ("], ""), (["-m", "program"], "def (")],
)
def test_a_program_that_cannot_start_leaves_no_file(place: Place, words: list[str], source: str):
    place.write(source)
    alone, ours = place.call([sys.executable, *words]), place.run(*words)
    assert (theirs(ours.stderr), ours.returncode) == (alone.stderr, alone.returncode)
    assert not place.output.exists()
    assert "wrote" not in ours.stderr


# ---- Options for when and what to profile


def test_wall_time_and_native_frames(place: Place):
    place.write("""
        import threading, time, spprof
        def wait():
            while spprof.stats().collected_samples < 20:
                time.sleep(0.01)
        wait()
        """)
    ours = place.run("program.py", options=("--no-heap", "--wall", "--native"))
    assert ours.returncode == 0, ours.stderr
    profile = place.profile()
    assert profile.sample_types[profile.default_index].type == "wall"
    assert any(not frame.is_python for location in profile.locations for frame in location.frames)


def test_sampling_may_begin_later(place: Place):
    place.write("""
        import spprof.memprof as memprof
        early = bytearray(10_000_000)
        while not memprof.is_active():
            pass
        late = bytearray(20_000_000)
        """)
    ours = place.run("program.py", options=("--after", "0.05"))
    assert ours.returncode == 0, ours.stderr
    assert 20_000_000 <= max(place.sites().values()) < 25_000_000


def test_a_program_that_ends_before_sampling_began_says_so(place: Place):
    place.write("")
    ours = place.run("program.py", options=("--after", "1000"))
    assert ours.returncode == 0
    assert ours.stderr == "spprof: the program ended before the --after delay had passed; nothing was recorded\n"
    assert not place.output.exists()


def test_sampling_may_end_earlier_with_its_files(place: Place):
    place.write("""
        import os, spprof.memprof as memprof
        held = bytearray(10_000_000)
        while not os.path.exists("out.pb.gz"):
            pass
        assert not memprof.is_active()
        later = bytearray(20_000_000)
        print("goes on")
        """)
    ours = place.run("program.py", options=("--for", "0.05"))
    assert (ours.returncode, ours.stdout) == (0, "goes on\n"), ours.stderr
    assert ours.stderr.count("wrote out.pb.gz") == 1
    assert max(place.sites().values(), default=0) < 15_000_000  # possibly 0 on a busy machine
