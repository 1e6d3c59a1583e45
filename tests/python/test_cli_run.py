"""``spprof run``: a program behaves as without us."""

from __future__ import annotations

import signal
import sys

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
