"""spprof.trigger(), run --when-rss and similar options take snapshots automatically."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import spprof as package
import under_variable
from child import Child
from place import SPPROF, Place
from specimens import specimen
from spprof.pprof import trigger_names
from spprof.pprof.file import read_profile
from spprof.process import control_group, numbers, signals
from spprof.process.control_group import limiting_group
from spprof.serve import background
from spprof.serve.trigger_conditions import GroupUse, Pace, ResidentSize, close_to_limit
from spprof.text import size_of
from test_cli_reports import spprof

MIB, GIB = 1 << 20, 1 << 30


# ---- Sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("1G", GIB), ("1.5GiB", 3 * GIB // 2), ("500M", 500 * MIB), ("64k", 65536), ("4096", 4096), ("2Gi", 2 * GIB)),
        *(("1 GB", GIB), (" 10 MiB ", 10 * MIB), ("7B", 7), ("0.5T", GIB << 9)),
    ],
)
def test_sizes_are_binary_whatever_their_unit_is_called(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "G", "0", "-1G", "1X", "1GG", "nan", "infG", "1I", "1iB", "1e30", "one"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|float"):
        size_of(text)


def test_each_doubling_is_reached_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [10, 99, 100, 150, 90, 110, 199, 200, 250, 50, 399, 1700, 1700, 3000, 3200]
    monkeypatch.setattr(numbers, "resident", iter(sizes).__next__)
    condition = ResidentSize(100)
    found = [condition.look() for _ in sizes]
    reached = [size for size, (told, _) in zip(sizes, found) if told]
    assert reached == [100, 200, 1700, 3200]
    assert [told for told, _ in found if told] == [f"RSS reached {mark} B" for mark in (100, 200)] + [
        "RSS reached 1.6 KiB",
        "RSS reached 3.1 KiB",
    ]
    assert [left for _, left in found][:4] == [90, 1, 100, 50]


def test_the_wait_grows_with_what_is_left_and_at_rest() -> None:
    assert [Pace().wait(left) for left in (0, GIB, 100 * GIB)] == [0.1, 0.5, 2.0]
    pace = Pace()
    lefts = [GIB, GIB, GIB, GIB, GIB // 2, GIB // 4, 10 * MIB, 10 * MIB, *[10 * MIB] * 5, 9 * MIB]
    waits = [pace.wait(left) for left in lefts]
    assert waits == [0.5, 1.0, 2.0, 2.0, 0.25, 0.125, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 0.05]


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path)


class Group:
    """A version 2 control group with a limit of 1000 MiB, whose usage the tests set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "fs"
        self.folder.mkdir()
        self.said = folder / "cgroup"
        self.said.write_text("0::/\n")
        self.use(0)
        self.limit(1000)

    def limit(self, mib: float) -> None:
        (self.folder / "memory.max").write_text(f"{int(mib * MIB)}\n")

    def use(self, mib: float, cached: float = 0) -> None:
        (self.folder / "memory.current").write_text(f"{int((mib + cached) * MIB)}\n")
        (self.folder / "memory.stat").write_text(f"anon 1\ninactive_file {int(cached * MIB)}\n")

    @property
    def found(self) -> control_group.ControlGroup:
        found = limiting_group(str(self.folder), str(self.said))
        assert found is not None
        return found


def test_a_group_has_marks_ever_closer_to_its_limit_while_there_is_room(group: Group) -> None:
    condition = GroupUse(group.found, 80)
    told = []
    for mib in (100, 799, 800, 810, 899, 900, 924, 951, 999):
        group.use(mib)
        told.append((mib, condition.look()[0]))
    words = "the control group reached {} % of its limit of 1000.0 MiB"
    assert [one for one in told if one[1]] == [(800, words.format("80.0")), (900, words.format("90.0"))]


def test_cached_files_are_no_use_of_a_group(group: Group) -> None:
    condition = GroupUse(group.found, 80)
    group.use(700, cached=299)
    assert condition.look() == ("", 100 * MIB)
    group.use(800, cached=199)
    assert condition.look()[0] != ""


def test_a_group_that_comes_back_counts_anew_after_a_while(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("spprof.serve.trigger_conditions.monotonic", lambda: now[0])
    condition = GroupUse(group.found, 80)
    told = []
    for moment, mib in ((1000, 850), (1030, 100), (1031, 850), (1090, 700), (1091, 850), (1092, 100), (1093, 850)):
        now[0] = moment
        group.use(mib)
        told.append(bool(condition.look()[0]))
    assert told == [True, False, False, False, False, False, True]


def test_the_mark_close_to_a_limit_leaves_room_for_a_snapshot(group: Group) -> None:
    for limit, mark in ((1000, 900), (256, 192), (100, 50)):
        group.limit(limit)
        condition = close_to_limit(group.found)
        group.use(mark - 1)
        assert condition.look()[0] == ""
        group.use(mark)
        assert condition.look()[0] != ""
        assert condition.kind == "rss"


def test_a_limit_that_is_lifted_or_gone_is_no_limit(group: Group) -> None:
    condition = GroupUse(group.found, 80)
    group.use(900)
    (group.folder / "memory.max").write_text("max\n")
    assert condition.look()[0] == ""
    (group.folder / "memory.max").unlink()
    assert condition.look()[0] == ""
    assert limiting_group(str(group.folder), str(group.said)) is None


def made(folder: Path, said: str, files: dict[str, str]) -> str:
    """Return the control group that is found below ``folder``, with its limits in these files."""
    (folder / "said").write_text(said)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = limiting_group(str(folder), str(folder / "said"))
    return str(Path(found.folder).relative_to(folder)) if found else ""


@pytest.mark.parametrize(
    ("said", "files", "found"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "5"}, "a"),
        ("0::/a/b\n", {"a/b/memory.max": "6", "a/memory.max": "5"}, "a/b"),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "max"}, ""),
        ("0::/of/the/host\n", {"memory.max": "7"}, "."),
        ("0::/../other\n", {"memory.max": "7"}, "."),
        (
            "4:memory:/x\n1:cpu:/x\n0::/\n",
            {"memory/x/memory.limit_in_bytes": "9223372036854771712", "memory/memory.limit_in_bytes": "8"},
            "memory",
        ),
        ("4:cpu,memory:/x\n", {"memory/x/memory.limit_in_bytes": "3"}, "memory/x"),
        ("4:memory:/docker/1\n0::/docker/1\n", {"memory/memory.limit_in_bytes": "3"}, "memory"),
        ("", {"memory.max": "7"}, ""),
    ],
)
def test_the_nearest_group_with_a_limit_is_found(tmp_path: Path, said: str, files: dict[str, str], found: str) -> None:
    assert made(tmp_path, said, files) == found


# ---- Arguments


def test_signals_go_by_name_and_number() -> None:
    for wanted in ("USR2", "SIGUSR2", "usr2", int(signal.SIGUSR2), signal.SIGUSR2, str(int(signal.SIGUSR2))):
        assert signals.number_of(wanted) == signal.SIGUSR2
    assert [signals.name_of(signals.number_of(name)) for name in signals.NAMES] == list(signals.NAMES)


REFUSED = "KILL STOP SEGV BUS FPE ILL TRAP SYS ABRT INT TERM PROF ALRM VTALRM CHLD PIPE IO PWR STKFLT TSTP".split()


@pytest.mark.parametrize("wanted", [*REFUSED, 0, -1, 34, 64, 65, "RTMIN", "RTMIN+1", "", "x", True])
def test_signals_that_mean_something_else_are_refused(wanted: int | str) -> None:
    with pytest.raises(ValueError, match="must be one of USR1, USR2, HUP, QUIT, URG, WINCH"):
        signals.number_of(wanted)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({}, ValueError("there is nothing to wait for")),
        ({"when_rss": "x"}, ValueError("when_rss must be a size, such as '1G' or 1073741824, not 'x'")),
        ({"when_rss": 0}, ValueError("when_rss must be more than 0 bytes, not 0")),
        ({"when_rss": True}, TypeError("not bool")),
        ({"when_rss": 1.5}, TypeError("integer")),
        ({"when_cgroup_percent": 0.5}, ValueError("when_cgroup_percent must be between 1 and 100, not 0.5")),
        ({"when_cgroup_percent": float("nan")}, ValueError("must be between")),
        ({"when_cgroup_percent": "80"}, TypeError("when_cgroup_percent must be a number, not str")),
        ({"on_signal": "KILL"}, ValueError("on_signal must be one of USR1, .*, not 'KILL'")),
        ({"on_signal": 1.5}, TypeError("on_signal must be a signal's name or number, not float")),
    ],
)
def test_arguments_that_mean_nothing_are_refused(tmp_path: Path, what: dict[str, object], error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        package.trigger(folder=tmp_path / "new", **what)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_without_a_profiler_or_a_limit_there_is_a_remedy(child: Child) -> None:
    child.run(specimen("triggers/remedies"))


def test_where_spprof_is_off_nothing_waits(child: Child) -> None:
    child.run(
        """
        import os, spprof, spprof.memprof as memprof
        memprof.start(64)
        with spprof.trigger(folder="x", when_rss=1, on_signal="USR2", on_memory_error=True) as trigger:
            assert len(os.listdir("/proc/self/task")) == 1
        assert trigger.written == 0
        """,
        environment={"SPPROF": "off"},
    )


# ---- What is written


def note_of(path: Path | str) -> str:
    return read_profile(str(path)).note(trigger_names.NOTE) or ""


def steps(folder: Path, first: int, count: int) -> Iterator[tuple[subprocess.Popen[str], list[object]]]:
    """Yield a program that fills its memory, and what it has written at each mark."""
    words = [sys.executable, str(specimen("triggers/doublings")), str(folder), str(first), str(count)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            yield process, json.loads(line)
            if process.poll() is None:
                process.stdin.write("\n")
                process.stdin.flush()


def test_there_is_one_file_of_the_latest_doubling(tmp_path: Path) -> None:
    rss, seen = [], []
    for process, (written, names, path) in steps(tmp_path, 128 * MIB, 3):
        assert names == [f"spprof-doublings.py.{process.pid}.rss.pb.gz"]
        assert path == str(tmp_path / names[0])
        profile = read_profile(path)
        seen.append((written, profile.note(trigger_names.NOTE)))
        rss.append(int(profile.note("rss") or 0))
        sites = spprof("table", path)
        assert "fill (doublings.py" in sites.stdout, sites.stdout
    assert process.returncode == 0
    assert seen == [(number, f"RSS reached {mark}.0 MiB") for number, mark in ((1, 128), (2, 256), (3, 512))]
    assert all(size >= mark * MIB for size, mark in zip(rss, (128, 256, 512)))


def test_every_verb_reads_the_file_of_a_killed_program(tmp_path: Path) -> None:
    for process, (_, _, written) in steps(tmp_path, 128 * MIB, 3):
        path = str(written)
        process.kill()
        break
    process.wait()
    assert process.returncode == -signal.SIGKILL
    for verb in ("table", "tree", "imports", "stats", "rss"):
        for one in (path, str(tmp_path)):
            read = spprof(verb, one)
            assert read.returncode == 0, read.stderr
    assert "fill (doublings.py" in spprof("table", str(tmp_path)).stdout
    assert "RSS reached 128.0 MiB" in spprof("stats", path).stdout


def test_a_full_disk_keeps_the_file_before(child: Child, tmp_path: Path) -> None:
    child.run(specimen("triggers/no_room"), str(tmp_path / "out"))


def test_files_of_triggers_are_no_second_process_in_a_folder(tmp_path: Path) -> None:
    names = ["a.1.pb.gz", "a.1.rss.pb.gz", "a.1.USR2-3.pb.gz", "b.2.rss.pb.gz", "b.2.cgroup.pb.gz", "c.3.rss-2.pb.gz"]
    names += ["a.1.cpu.pb.gz", "rss.pb.gz", "d.4.memory-error.pb.gz", "e.x.pb.gz"]
    times = {"b.2.rss.pb.gz": 5, "b.2.cgroup.pb.gz": 4}
    found = trigger_names.superseded(names, ["d.4"], lambda path: times[path])
    assert found == {
        "a.1.rss.pb.gz": "a.1.pb.gz",
        "a.1.USR2-3.pb.gz": "a.1.pb.gz",
        "b.2.cgroup.pb.gz": "b.2.rss.pb.gz",
        "d.4.memory-error.pb.gz": "d.4",
    }
    kinds = ("rss", "cgroup", "memory-error", *signals.NAMES)
    assert all(trigger_names.stem_of(trigger_names.path_of("x.9", kind, n)) == "x.9" for kind in kinds for n in (1, 12))


# ---- Signals


def test_signals_come_beside_waits_forks_and_computations(child: Child, tmp_path: Path) -> None:
    child.run(specimen("triggers/flood"), str(tmp_path / "out"), "20")


def test_a_program_that_waits_in_c_is_looked_at(tmp_path: Path) -> None:
    words = [sys.executable, str(specimen("triggers/waits_in_c")), str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        names = [f"spprof-waits_in_c.py.{process.pid}.USR2{number}.pb.gz" for number in ("", "-2")]
        for name in names:
            process.send_signal(signal.SIGUSR2)
            while not (tmp_path / name).exists():
                assert process.poll() is None
                time.sleep(0.01)
        process.stdin.write("x")
        process.stdin.close()
        assert process.stdout.read() == "2\n"
    assert process.returncode == 0
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert {note_of(tmp_path / name) for name in names} == {"signal USR2"}


def test_triggers_stand_side_by_side_and_give_everything_back(child: Child, tmp_path: Path) -> None:
    child.run(specimen("triggers/two"), str(tmp_path / "out"))


def test_a_job_that_is_called_keeps_to_its_share() -> None:
    job = background.Job(lambda: None, 100.0, lambda: True, is_paced=True)
    job.rests_until = 50.0
    assert background._due(job) == 50.0
    job.is_wanted = lambda: False
    assert background._due(job) == job.due


# ---- Allocations that fail


@pytest.mark.parametrize("preload", [False, True])
def test_a_loop_of_memory_errors_leaves_one_file(child: Child, tmp_path: Path, preload: bool) -> None:
    child.run(specimen("triggers/memory_errors"), str(tmp_path), "handled", preload=preload)
    (name,) = [one for one in os.listdir(tmp_path) if one.endswith(".gz")]
    assert name.endswith(".memory-error.pb.gz")
    assert "fill (memory_errors.py" in spprof("table", str(tmp_path / name)).stdout


def test_a_memory_error_that_ends_the_program_leaves_a_file(child: Child, tmp_path: Path) -> None:
    ended = child.attempt(specimen("triggers/memory_errors"), str(tmp_path), "unhandled")
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith("MemoryError")
    (name,) = [one for one in os.listdir(tmp_path) if one.endswith(".gz")]
    assert note_of(tmp_path / name) == "an allocation failed"


# ---- spprof run and SPPROF


def test_a_signal_with_a_trigger_does_not_end_a_run(place: Place) -> None:
    place.write("""
        import os, signal
        held = [b"x" * 1_000_000 for _ in range(30)]
        os.kill(os.getpid(), signal.SIGUSR2)
        print("goes on")
        """)
    ours = place.run("program.py", options=("--on-signal", "USR2"))
    assert (ours.stdout, ours.returncode) == ("goes on\n", 0)
    assert "triggers wrote 1 snapshot; the latest is " in ours.stderr
    assert note_of(place.folder / "out.USR2.pb.gz") == "signal USR2"
    ended = place.run("program.py", options=("--on-signal", "HUP"))
    assert ended.returncode == -signal.SIGUSR2


def test_each_process_of_a_run_has_its_own(place: Place) -> None:
    place.write("""
        import os, signal, subprocess, sys
        program = "import os, signal; held = bytearray(50_000_000); os.kill(os.getpid(), signal.SIGUSR2)"
        subprocess.run([sys.executable, "-c", program], check=True)
        child = os.fork()
        os.kill(os.getpid(), signal.SIGUSR2)
        if child:
            assert os.waitpid(child, 0)[1] == 0
            print(child)
        """)
    ours = place.run("program.py", options=("--on-signal", "USR2"))
    assert ours.returncode == 0, ours.stderr
    names = sorted(one.name for one in place.folder.glob("out*.USR2.pb.gz"))
    assert len(names) == 3
    assert {"out.USR2.pb.gz", f"out.{ours.stdout.strip()}.USR2.pb.gz"} < set(names)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--no-heap --cpu --when-rss 1G", "--when-rss needs a heap profile, but --no-heap records none"),
        ("--no-heap --cpu --on-memory-error", "--on-memory-error needs a heap profile"),
        ("--when-rss x", "argument --when-rss: invalid size value: 'x'"),
        ("--when-cgroup 101%", "argument --when-cgroup: must be between 1 and 100 percent"),
        ("--on-signal KILL", "argument --on-signal: must be one of USR1, USR2"),
    ],
)
def test_options_that_mean_nothing_are_told(place: Place, options: str, told: str) -> None:
    place.write("print('runs')")
    ours = place.run("program.py", options=tuple(options.split()))
    assert (ours.stdout, ours.returncode) == ("", 2)
    assert told in ours.stderr


@pytest.mark.skipif(limiting_group() is not None, reason="this control group has a limit")
def test_a_share_of_no_limit_is_told(place: Place) -> None:
    place.write("print('runs')")
    ours = place.run("program.py", options=("--when-cgroup", "80%"))
    assert (ours.stdout, ours.returncode) == ("", 2)
    assert "no control group of this process has a memory limit; set one (docker run --memory" in ours.stderr


def test_spprof_in_the_environment_has_the_same_words(tmp_path: Path) -> None:
    program = """
        import os, signal
        held = [b"x" * 1_000_000 for _ in range(30)]
        os.kill(os.getpid(), signal.SIGUSR2)
        """
    variable = f"heap,out={tmp_path}/,when-rss=10M,on-signal=USR2,on-memory-error"
    ended = under_variable.run(tmp_path, program, variable)
    assert (ended.returncode, ended.stderr) == (0, "")
    kinds = {one.name.split(".")[-3] for one in tmp_path.glob("*.gz")}
    assert "USR2" in kinds
    told = under_variable.run(tmp_path, "", f"cpu,out={tmp_path}/,on-signal=USR2").stderr
    assert told.endswith(" when-rss, when-cgroup, on-signal and on-memory-error need heap; add it\n")


# ---- The OOM killer

GROUPS = Path(control_group.ROOT) / "memory"


@pytest.fixture
def limited() -> Iterator[Path]:
    """A control group with a limit of 320 MiB."""
    folder = GROUPS / f"spprof-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(320 * MIB))
    except OSError as error:
        pytest.skip(f"this machine cannot create control groups: {error}")
    yield folder
    folder.rmdir()


@pytest.mark.parametrize(
    ("option", "size", "marks", "least"),
    [("--when-rss", "100M", (110, 225, 295), 240), ("--when-cgroup", "60", (235,), 180)],
)
def test_what_the_kernel_kills_for_memory_leaves_the_snapshot_before(
    place: Place, limited: Path, option: str, size: str, marks: tuple[int, ...], least: int
) -> None:
    program = [str(specimen("triggers/grows")), str(place.folder), *map(str, marks)]
    words = [*SPPROF, "run", "-o", str(place.output), option, size, *program]
    enter = f'echo $$ > {limited}/cgroup.procs; exec "$@"'
    ended = place.call(["sh", "-c", enter, "sh", *words])
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (name,) = [one.name for one in place.folder.iterdir() if one.name.endswith(".pb.gz")]
    profile = read_profile(str(place.folder / name))
    assert int(profile.note("rss") or 0) >= least * MIB
    assert "grow (grows.py" in spprof("table", str(place.folder / name)).stdout


def test_a_program_that_takes_the_signal_keeps_the_other_triggers(place: Place) -> None:
    """A server's worker inherits its master's handler, which does not warrant a message for each worker."""
    options = ("--when-rss", "1M", "--on-signal", "USR2", "--rate-kb", "1")
    done = place.run(str(specimen("triggers/takes_the_signal_before_it_forks")), options=options)
    assert (done.returncode, done.stdout) == (0, "its own\n")
    assert "handler" not in done.stderr
    assert "trigger" not in done.stderr.replace("triggers wrote", "")
