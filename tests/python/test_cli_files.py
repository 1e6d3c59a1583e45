"""``spprof run`` writes a file, however the program ends, and its contents are correct."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import spprof
from asked_for import bytearray_size
from child import library_path
from place import SPPROF, TIMEOUT_SECONDS, Place, rewritten, seeded, theirs
from specimens import specimen
from spprof import _engine
from spprof.analysis.sites import SiteKey
from spprof.cli import run as run_verb
from spprof.cli.outputs import of_process

BYTES = 10_000_000


def test_memory_is_named_by_the_lines_of_the_program_and_by_no_other(place: Place):
    place.write(f"""
        def hold():
            return bytearray({BYTES})
        held = hold()
        """)
    place.run("program.py", environment=seeded(place))
    place_of_hold = SiteKey("hold", str(place.script), 3)
    assert place.sites()[place_of_hold] == bytearray_size(BYTES)
    (stack,) = [s.stack for s in place.profile().samples if s.values[3] == bytearray_size(BYTES)]
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
    assert len([line for line in ours.stderr.splitlines() if "cannot preload a path" in line]) == 1
    assert place.output.exists()


@pytest.mark.parametrize("entries", ["", "a.so:b.so", "a.so b.so"])
def test_entries_of_ld_preload_are_kept(monkeypatch: pytest.MonkeyPatch, entries: str):
    monkeypatch.setenv("LD_PRELOAD", entries)
    environment, before = run_verb._environment()
    assert before == entries
    assert environment["LD_PRELOAD"] == (f"{_engine.library_path()}:{entries}" if entries else _engine.library_path())


def test_forked_children_write_files_of_their_own(place: Place):
    place.write(specimen("cli_files/forked_children_write_files_of_their_own"))
    worker, child = place.run("program.py", str(BYTES), environment=seeded(place)).stdout.split()
    assert sorted(path.name for path in place.folder.glob("out*")) == sorted(
        ["out.pb.gz", f"out.{worker}.pb.gz", f"out.{child}.pb.gz"]
    )
    # The object itself is another block on that line, which may be sampled too.
    in_worker = place.sites(f"out.{worker}.pb.gz")[SiteKey("work", str(place.script), 10)]
    in_child = place.sites(f"out.{child}.pb.gz")[SiteKey("<module>", str(place.script), 18)]
    assert BYTES < in_worker < 1.2 * BYTES
    assert 2 * BYTES < in_child < 2.4 * BYTES
    assert max(place.sites().values(), default=0) < BYTES


@pytest.mark.parametrize(
    ("end", "status"), [("os._exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)]
)
def test_every_leaves_a_file_whatever_happens(place: Place, end: str, status: int):
    place.write(f"import os, signal\nheld = bytearray({BYTES})\n" + rewritten("out.pb.gz") + end)
    ours = place.run("program.py", options=("--every", "0.05"), environment=seeded(place))
    assert (ours.returncode, ours.stdout) == (status, "")
    assert bytearray_size(BYTES) in place.sites().values()
    files = {frame.file for location in place.profile().locations for frame in location.frames}
    assert not [file for file in files if "/spprof/" in file]


def obey_interrupts() -> None:
    """Restore the default SIGINT handler. Shells make their background jobs ignore SIGINT, and the test's children
    would inherit that.
    """
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
    with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/program.py") as answer:  # now the server is in its loop
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
    lines = place.run("program.py", environment=seeded(place)).stderr.splitlines()
    # A small block that happens to be sampled represents half a mebibyte more.
    told = r"spprof: live at the end: (9\.5|1\d\.\d) MiB \((9\.5|1\d\.\d) MiB - "
    assert re.match(told, lines[0]), lines[0]
    assert lines[1].endswith("<module> (program.py:1)")
    assert lines[-2] == "spprof: few samples mean wide intervals; --rate-kb 64 takes 8 times as many samples"
    assert lines[-1] == "spprof: wrote out.pb.gz; view it with: spprof table out.pb.gz"


def test_an_empty_result_explains_itself(place: Place):
    place.write("")
    finished = place.run("program.py", options=("--rate-kb", "1048576"), environment=seeded(place))
    lines = finished.stderr.splitlines()
    why = "nothing was sampled: the program allocated little, and less than 3.7 GiB is live (97.5 % confidence)"
    assert lines[2] == f"spprof: {why}; --rate-kb 131072 takes 8 times as many samples"
    table = place.call([*SPPROF, "table", "out.pb.gz"])
    assert f"{why}; --rate-kb 131072 takes 8 times as many samples\n" in table.stdout
    assert table.returncode == 0


def test_the_file_is_named_after_the_script_and_is_ours_alone(place: Place):
    place.write("import os; print(os.getpid()); os.chdir('/')")
    ours = place.call([*SPPROF, "run", "program.py"])
    (file,) = place.folder.glob("*.pb.gz")
    assert file.name == f"spprof-program.py.{ours.stdout.strip()}.pb.gz"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("output", "of_child"),
    [
        ("x.pb.gz", "x.7.pb.gz"),
        ("/a.b/x.html", "/a.b/x.7.html"),
        ("x.cpu.pb.gz", "x.7.cpu.pb.gz"),
        ("spprof-app.py.4711.pb.gz", "spprof-app.py.7.pb.gz"),
        ("spprof-app.py.4711.cpu.pb.gz", "spprof-app.py.7.cpu.pb.gz"),
        ("x.prof", "x.7.prof"),
        ("/a.b/x", "/a.b/x.7"),
        ("x.JSON", "x.7.JSON"),
    ],
)
def test_the_id_of_another_process_stands_before_the_suffix(output: str, of_child: str):
    assert of_process(output, 7, 4711) == of_child
    assert of_process(output, 4711, 4711) == output


def test_a_slash_makes_a_folder_for_files_of_the_usual_names(place: Place):
    place.write("import os; print(os.getpid(), flush=True); os.fork() or print(os.getpid())")
    every_child = ["--children-min-samples", "0"]
    command = [*SPPROF, "run", "--rate-kb", "1", "--cpu", *every_child, "-o", "new/folder/", "program.py"]
    finished = place.call(command)
    assert finished.returncode == 0, finished.stderr
    first, child = finished.stdout.split()
    names = [f"spprof-program.py.{pid}.{kind}" for pid in (first, child) for kind in ("pb.gz", "cpu.pb.gz")]
    assert sorted(path.name for path in (place.folder / "new" / "folder").iterdir()) == sorted(names)
    assert place.call(command).returncode == 0, "the folder may be there"
    (place.folder / "file").write_text("")
    refused = place.call([*SPPROF, "run", "-o", "file/", "program.py"])
    assert (refused.returncode, "cannot create the folder" in refused.stderr) == (2, True)


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
    "no program": ([], "give a script"),
    "no module": (["-m"], "-m needs a module"),
    "no such script": (["nope.py"], "can't open file nope.py"),
    "output exists": (["-o", "there", "program.py"], "already exists; use -f to overwrite it"),
    "output is a folder": (["-f", "-o", ".", "program.py"], "is a folder"),
    "no folder": (["-o", "no/where", "program.py"], "does not exist"),
    "rate": (["--rate-kb", "-1", "program.py"], "must be between"),
    "every": (["--every", "0", "program.py"], "must be between"),
    "every, into a device": (["--every", "1", "-o", "/dev/null", "program.py"], "use a regular file"),
    "unknown option": (["--cpus", "program.py"], "unrecognized arguments: --cpus"),
    "interval": (["--cpu", "0.5", "program.py"], "must be between 1 and 1000 milliseconds"),
    "nothing to record": (["--no-heap", "program.py"], "--no-heap leaves nothing to record; add --cpu"),
    "the second output exists": (
        ["--cpu", "-o", "here", "program.py"],
        "here.cpu already exists; use -f to overwrite it",
    ),
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
