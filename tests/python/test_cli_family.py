"""The final messages of a run about the processes that its program started: their files, largest first; which processes
left no file, and why; which Python programs were started but not profiled.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from child import TIMEOUT_SECONDS
from spprof import _engine
from spprof.cli import family
from spprof.cli.family import CROWDED, FAILED, HELPER, IDLE, LEFT_OUT, REPLACED, RUNS, WROTE, Process
from spprof.cli.interpreter_options import command_of

SPECIMENS = Path(__file__).parent.parent / "specimens" / "cli_family"
GONE = 2**22 + 1
"""No process has this pid: it is above the kernel's maximum."""


def told(*processes: Process, lost: int = 0, own: int = 5 << 20) -> list[str]:
    return list(family.lines(own, "/x/a.pb.gz", lambda pid: f"/x/a.{pid}.pb.gz", ([*processes], lost), "bytes", 5))


def wrote(pid: int, mebibytes: int) -> Process:
    return Process(pid, WROTE, mebibytes << 20, "")


def test_nothing_is_said_where_there_were_no_other_processes():
    assert told() == []


def test_files_are_told_largest_first_with_the_next_command():
    assert told(wrote(7, 3), wrote(8, 40)) == [
        "3 processes wrote files, largest first:",
        "   40.0 MiB  /x/a.8.pb.gz",
        "    5.0 MiB  /x/a.pb.gz (the program itself)",
        "    3.0 MiB  /x/a.7.pb.gz",
        "view the largest with: spprof table /x/a.8.pb.gz",
        "compare them with: spprof table --by process /x/a.pb.gz /x/a.*.pb.gz",
    ]
    many = told(*(wrote(pid, 1) for pid in range(100, 120)))
    assert many[0] == "21 processes wrote files, largest first:"
    assert many[1] == "    5.0 MiB  /x/a.pb.gz (the program itself)"
    assert many[-3:-1] == ["   16.0 MiB  in 16 more", "view the largest with: spprof table /x/a.pb.gz"]


def test_the_files_of_a_run_are_named_for_a_shell():
    for own, other, pattern in (
        ("/d/x.pb.gz", "/d/x.7.pb.gz", "/d/x.pb.gz /d/x.*.pb.gz"),
        ("/d/spprof-app.py.41.pb.gz", "/d/spprof-app.py.47.pb.gz", "/d/spprof-app.py.*.pb.gz"),
        ("/d/a b.4711.pb.gz", "/d/a b.4811.pb.gz", "'/d/a b'.*.pb.gz"),
        ("/d/x.123.pb.gz", "/d/x.45.pb.gz", "/d/x.*.pb.gz"),
    ):
        assert family._pattern(own, [other]) == pattern


def test_who_left_no_file_is_told_with_the_reason():
    assert told(
        Process(os.getpid(), RUNS, 0, ""),
        Process(GONE, RUNS, 0, ""),
        Process(3, FAILED, 0, ""),
        *(Process(pid, IDLE, 0, "") for pid in range(10, 17)),
        Process(4, REPLACED, 0, ""),
        Process(5, CROWDED, 0, ""),
        lost=2,
    ) == [
        f"1 process wrote no file: still running, and will write their files when they end ({os.getpid()})",
        f"1 process wrote no file: ended without a normal Python shutdown (killed, or ended by native code) ({GONE})",
        "1 process wrote no file: could not write (3)",
        "1 process wrote no file: replaced itself with another program before anything was sampled (4)",
        "7 processes wrote no file: fewer than 5 samples of their own (--children-min-samples) (10, 11, 12, 13, 14, …)",
        "1 process wrote no file: there are many files, and these profiles were small (5)",
        "2 more processes or programs are not listed",
    ]


def test_a_process_that_became_other_programs_is_told_once():
    assert told(
        *(Process(3, state, 0, "") for state in (RUNS, REPLACED, HELPER)),
        *(Process(GONE, state, 0, "") for state in (REPLACED, RUNS)),
        *(Process(4, state, 0, "") for state in (REPLACED, RUNS, IDLE)),
    ) == [
        f"1 process wrote no file: ended without a normal Python shutdown (killed, or ended by native code) ({GONE})",
        "1 process wrote no file: fewer than 5 samples of their own (--children-min-samples) (4)",
    ]
    said = told(Process(5, REPLACED, 0, ""), wrote(5, 40), Process(5, RUNS, 0, ""), Process(5, IDLE, 0, ""))
    assert not any("wrote no file" in line for line in said)


def test_python_programs_that_were_not_profiled_are_counted():
    programs = ["python -m app"] * 3 + ["gunicorn\n"] + [f"python {letter}.py" for letter in "abcdef"]
    assert told(*(Process(1, LEFT_OUT, 0, text) for text in programs)) == [
        "10 Python programs were started but not profiled: python -m app (3 times); gunicorn\\n; python a.py; "
        "python b.py; python c.py; and 3 more",
        "(such a program runs with -S, without SPPROF, or in an environment without spprof)",
    ]


def test_programs_that_joined_are_not_told_as_left_out():
    started = [Process(7, LEFT_OUT, 0, text) for text in ("python -m app", "python -m app", "gunicorn", "python x.py")]
    joined = [
        Process(8, WROTE, 1 << 20, "python -m app", 7, "/x/b.8.pb.gz"),
        Process(9, HELPER, 0, "python gunicorn -w", 7, "/x/b.9.pb.gz"),
        Process(7, RUNS, 0, "python x.py", 6, "/x/b.7.pb.gz"),  # became another program itself
        Process(10, IDLE, 0, "python -m app", 5, "/x/b.10.pb.gz"),  # belongs to another program
    ]
    said = told(*started, *joined)
    assert "    1.0 MiB  /x/b.8.pb.gz" in said
    assert "1 Python program was started but not profiled: python -m app" in said


def test_the_files_of_several_programs_are_named_one_by_one_or_by_their_folder():
    others = ["/d/spprof-b.42.pb.gz", "/d/spprof-a.43.pb.gz"]
    assert family._pattern("/d/spprof-a.41.pb.gz", others) == " ".join(["/d/spprof-a.41.pb.gz", *others])
    many = [f"/d/spprof-b.{pid}.pb.gz" for pid in range(50, 60)]
    assert family._pattern("/d/spprof-a.41.pb.gz", many) == "/d/"


@pytest.mark.parametrize(
    ("program", "words", "expected"),
    [
        (sys.executable, ["python", "-X", "dev", "/srv/app.py", "a"], "python app.py a"),
        (sys.executable.encode(), ["python", "-m", "celery", "worker"], "python -m celery"),
        ([b"/nowhere/python3", sys.executable.encode()], [b"python", b"-c", b"a\nb"], "python -c a"),
        (sys.executable, ["python"], "python"),
        (sys.executable, ["p", "-c", "from multiprocessing.resource_tracker import main"], None),
        (sys.executable, ["p", "-c", "from loky.backend.resource_tracker import main; main(3)"], None),
        (sys.executable, ["p", "-c", "from multiprocessing.forkserver import main"],
         "the multiprocessing fork server, with all its workers"),
        (sys.executable, ["p", "-c", "from multiprocessing.spawn import spawn_main", "--fork"],
         "a multiprocessing worker (spawn)"),
        (sys.executable, ["p", "-c", "import multiprocessing.spawn"], "python -c import multiprocessing.spawn"),
        (sys.executable, ["p", "a.py", "from multiprocessing.forkserver import main"],
         "python a.py from multiprocessing.forkserver import main"),
        ("/bin/sh", ["sh", "-c", "python x.py"], None),
        ("/dev/null", ["x"], None),
        ("/nowhere/at/all", ["x"], None),
    ],
)  # fmt: skip
def test_python_programs_are_known_by_what_starts_them(program, words, expected):  # type: ignore[no-untyped-def]
    assert family._told_python(program, words) == expected


def test_a_script_of_python_is_known_by_its_first_line(tmp_path: Path):
    for name, first, expected in (
        ("gunicorn", "#!/usr/bin/env python3", "gunicorn"),
        ("tool", "#!/bin/sh", None),
        ("data", "python", None),
        ("n" * 100, "#!/venv/bin/python", "n" * 59 + "…"),
    ):
        script = tmp_path / name
        script.write_text(f"{first}\n")
        assert family._told_python(script, [name]) == expected
    os.mkfifo(tmp_path / "fifo")
    assert family._told_python(tmp_path / "fifo", ["fifo"]) is None  # reading the FIFO does not block


def test_a_run_ends_with_its_processes(tmp_path: Path):
    finished = subprocess.run(
        [sys.executable, "-m", "spprof", "run", "--rate-kb", "64", "-o", "a.pb.gz", str(SPECIMENS / "workers.py")],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    pids = dict(pair.split("=") for pair in finished.stdout.split())
    text = finished.stderr.replace("spprof: ", "")
    files = {name: f"a.{pid}.pb.gz" for name, pid in pids.items() if (tmp_path / f"a.{pid}.pb.gz").exists()}
    assert {"small", "middle", "large"} <= set(files) <= {"small", "middle", "large", "idle", "became"}
    written = len(list(tmp_path.glob("a*.pb.gz")))  # including those of the programs that were started
    said = text[text.index(f"{written} processes wrote files, largest first:\n") :].splitlines()
    told_files = [line.split()[-1] for line in said[1:4]]
    assert told_files == [files["large"], files["middle"], files["small"]]
    assert f"view the largest with: spprof table {files['large']}" in said
    ended = "ended without a normal Python shutdown (killed, or ended by native code)"
    became = "replaced itself with another program before anything was sampled"
    too_few = "fewer than 5 samples of their own (--children-min-samples)"
    for name, why in (("killed", ended), ("became", became), ("idle", too_few)):
        # There is a small chance that these sample enough allocations to leave a file; others may leave none.
        reason = next((line for line in said if f"wrote no file: {why} (" in line), "")
        assert (pids[name] in reason) is (name not in files)
    assert said[-2] == "2 Python programs were started but not profiled: python -S -c pass (2 times)"


def test_records_beyond_the_table_are_counted(tmp_path: Path):
    code = (
        "from spprof import _engine\n"
        "assert _engine.family_records() == ([], 0) and _engine.family_add(1, 2, b'') == -1\n"
        "assert _engine.family_open(1) and _engine.family_open(2) and _engine.family_door()[1] == 1\n"
        "numbers = [_engine.family_add(1, at, b'x' * at) for at in range(33000)]\n"
        "assert numbers == [*range(32768), *[-1] * 232], numbers[-1]\n"
        "_engine.family_set(32767, 7, 2**64 - 1); _engine.family_set(-1, 7, 1); _engine.family_set(32768, 7, 1)\n"
        "records, lost = _engine.family_records()\n"
        "import os\n"
        "assert lost == 232 and records[0] == (os.getpid(), 1, 0, b'') and len(records[500][3]) == 487\n"
        "assert records[32767][1:3] == (7, 2**64 - 1)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=TIMEOUT_SECONDS, check=True)
    assert _engine.family_records() == ([], 0)


@pytest.mark.parametrize(
    ("words", "flags", "program"),
    [
        ([], "", []),
        (["-X", "dev", "-Bc", "import m", "a"], "B", ["-c", "import m", "a"]),
        (["-cimport m", "-m"], "", ["-c", "import m", "-m"]),
        (["-S", "-mapp", "-x"], "S", ["-m", "app", "-x"]),
        (["-BWerror", "-EX", "dev", "--check-hash-based-pycs", "never", "x.py", "-c"], "BE", ["x.py", "-c"]),
        (["-u", "-", "-c"], "u", ["-", "-c"]),
        (["--", "-c"], "", ["-c"]),
        (["-c"], "", ["-c"]),
    ],
)
def test_a_command_is_taken_apart_as_the_interpreter_does_it(words: list[str], flags: str, program: list[str]):
    assert command_of(words) == (flags, program)


def test_a_program_is_a_helper_by_its_code_alone():
    main = "from multiprocessing.forkserver import main; main(1, 2, [])"
    for words, is_helper in (
        (["-c", main], True),
        (["-c", f"import sys; {main}"], True),  # from 3.15 on
        (["-B", "-X", "dev", "-W", "error", "-c", main, "--multiprocessing-fork"], True),
        (["-c", "from joblib.externals.loky.backend.resource_tracker import main; main(3, False)"], True),
        (["-c", "import multiprocessing.forkserver; work()"], False),
        (["app.py", "-c", main], False),
        (["-m", "app", main], False),
        (["-c"], False),
        ([], False),
    ):
        assert (family.helper_of(words) is not None) is is_helper, words
