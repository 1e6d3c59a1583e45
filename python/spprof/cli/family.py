"""The processes of one run: the files that they wrote, why some wrote none, and which Python programs were not
profiled.

    fork ──► born ──► wrote | idle | failed | replaced            each process records what becomes of it
    subprocess, os.posix_spawn, exec of a Python ──► left_out     recorded by the process that starts it
                                             └──► joined ──► …    recorded by the program once it is profiled after all

The records are in memory that the processes share (``src/python/module/family.h``). A process inherits it by fork, or
finds it through a "door", a word in SPPROF that gives its location. The first process reads the records when it ends.
"""

from __future__ import annotations

import os
import stat
import sys

from spprof import _engine
from spprof.cli.arguments import current_folder, seen_from
from spprof.cli.interpreter_options import command_of, words_of_process
from spprof.cli.terminal import shell_word
from spprof.records import NamedTuple, suppress
from spprof.supported import is_macos
from spprof.text import amount, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from spprof.cli.interpreter_options import Command

RUNS, WROTE, IDLE, FAILED, REPLACED, LEFT_OUT, HELPER, CROWDED = range(1, 9)
"""States of a record. IDLE: the process itself took too few samples and writes no file. LEFT_OUT: a Python program was
started; it counts as not profiled unless it joins. HELPER: a helper process of the standard library, which is not
reported. CROWDED: no file, because there are many already and this process is one of the smaller ones.
"""

_ROWS = 5
_TEXT_MAX = 60
_STARTED_IN = current_folder() or os.sep
_SHEBANG_BYTES = 128
_TRACKER = "resource_tracker import main"
_FORK_SERVER = "from multiprocessing.forkserver import main"
_HELPERS = (_TRACKER, _FORK_SERVER)
"""How the -c code of helper processes begins, after the name of their package. These processes of the standard library
and of loky hold none of the program's memory.
"""

_WORKERS = {
    "from multiprocessing.spawn import spawn_main": "a multiprocessing worker (spawn)",
    _FORK_SERVER: "the multiprocessing fork server, with all its workers",
}


class Process(NamedTuple):
    """The record of one process or program."""

    pid: int
    state: int
    value: int
    """The estimate, in state WROTE: heap bytes or nanoseconds."""
    text: str
    parent: int = 0
    """Pid of the parent of a program that has joined; 0: it was forked, or was left out."""
    path: str = ""
    """Path of its file if it does not follow from the first process's."""


class Family:
    """This process's record and, at the end of the run, the records of all processes."""

    def __init__(self) -> None:
        self._number = -1
        self._path = ""
        """Path in the record, if the file's name does not follow from the pid."""
        self._is_shared = False

    def open(self) -> str:
        """Create the shared memory and return the door for SPPROF; "": programs cannot find it."""
        self._is_shared = _engine.family_open(int.from_bytes(os.urandom(8), "little"))
        number, mark = _engine.family_door()
        return f"{os.getpid()}:{number}:{mark:x}" if number >= 0 else ""

    def join(self, door: str, path: str, is_helper: bool) -> bool:
        """Record that this process is a program that another process started, that it found the door in SPPROF, and
        that it writes to ``path``.

        False: the first process has ended, or belongs to another user.
        """
        first, _, rest = door.partition(":")
        number, _, mark = rest.partition(":")
        try:
            is_found = _engine.family_join(int(first), int(number), int(mark, 16))
        except (ValueError, OverflowError):
            is_found = False
        if not is_found:
            return False
        self._is_shared = True
        told = _told_python(sys.executable, words_of_process()) or ""
        text = "\t".join((str(os.getppid()), told, path)).encode("utf-8", "surrogateescape")
        self._number = _engine.family_add(HELPER if is_helper else RUNS, 0, text)
        return True

    @staticmethod
    def is_of_this_process(door: str) -> bool:
        """Return whether this process was the first one, before it became another program."""
        return door.partition(":")[0] == str(os.getpid())

    def hands_over(self, value: int, path: str) -> None:
        """Record that the first process has written a file and becomes another program, which will read the records
        instead.
        """
        _engine.family_hand_over()
        if self._number < 0:  # otherwise this program has joined, and its record has the path
            text = "\t".join((str(os.getpid()), "", path)).encode("utf-8", "surrogateescape")
            self._number = _engine.family_add(WROTE, max(value, 0), text)

    def born(self) -> None:
        """Record that this process was forked."""
        self._path = ""
        self._number = _engine.family_add(RUNS, 0, b"")

    def is_not_noted(self) -> None:
        """Leave this forked process out of the records."""
        self._number = -1

    def wrote(self, value: int, path: str) -> None:
        """Record that this process wrote its file, with a total of ``value``. ``path`` is empty if the name follows
        from the pid.
        """
        if path != self._path:
            self._path = path
            text = "\t".join((str(os.getppid()), "", path)).encode("utf-8", "surrogateescape")
            self._number = _engine.family_add(WROTE, max(value, 0), text)
        else:
            self._set(WROTE, value)

    def is_idle(self) -> None:
        """Record that this process took too few samples itself and will end without a file."""
        self._set(IDLE, 0)

    def is_crowded_out(self) -> None:
        """Record that this process writes no file because there are many files and it is small."""
        self._set(CROWDED, 0)

    def failed(self) -> None:
        """Record that this process's file could not be written. The error has already been printed."""
        self._set(FAILED, 0)

    def _set(self, state: int, value: int) -> None:
        _engine.family_set(self._number, state, max(value, 0))

    def starts(self, program: Any, words: Any) -> None:
        """Record that this process is starting, or becoming, another program. Errors in the arguments are left to the
        original function.
        """
        if not self._is_shared:
            return
        with suppress(Exception):
            told = _told_python(program, words)
            if told is not None and _engine.family_is_there():  # otherwise it could not join
                _engine.family_add(LEFT_OUT, 0, told.encode("utf-8", "backslashreplace"))

    def becomes(self, program: Any, words: Any) -> None:
        """Record that this process is about to become another program."""
        self._set(REPLACED, 0)
        self.starts(program, words)


def read() -> tuple[list[Process], int]:
    """Return all records, and the number of records that did not fit."""
    records, lost = _engine.family_records()
    return [_process(*record) for record in records], lost


def _process(pid: int, state: int, value: int, text: bytes) -> Process:
    told = text.decode("utf-8", "surrogateescape")
    parent, tab, rest = told.partition("\t")
    if not tab:
        return Process(pid, state, value, told)
    told, _, path = rest.partition("\t")
    return Process(pid, state, value, told, int(parent), path)


def lines(
    own_value: int,
    own_path: str,
    path_of: Callable[[int], str],
    told: tuple[list[Process], int],
    unit: str,
    min_samples: int,
    series_folder: str = "",
) -> Iterator[str]:
    """Yield the lines about other processes at the end of a run; none if there were no others.

    ``own_value``: the first process's estimate, in ``unit``. ``path_of``: maps a forked process's pid to its file.
    ``min_samples``: the minimum number of samples for a file. ``series_folder``: the folder of the series if each
    process writes a series, otherwise "".
    """
    processes, lost = told
    wrote = [(one.value, one.path or path_of(one.pid)) for one in processes if one.state == WROTE]
    wrote = [row for row in wrote if row[1] != own_path]
    if wrote:
        files = sorted([*wrote, (own_value, own_path)], key=lambda row: (-row[0], row[1]))
        yield f"{len(files)} processes wrote files, largest first:"
        for value, path in files[:_ROWS]:
            yield f"{amount(value, unit):>11}  {_short(path)}{' (the program itself)' if path == own_path else ''}"
        if len(files) > _ROWS:
            yield f"{amount(sum(value for value, _ in files[_ROWS:]), unit):>11}  in {len(files) - _ROWS} more"
        if series_folder:
            yield f"compare them with: spprof table --by process {shell_word(_short(series_folder))}"
        elif own_path.endswith(".pb.gz"):
            yield f"view the largest with: spprof table {shell_word(_short(files[0][1]))}"
            yield f"compare them with: spprof table --by process {_pattern(own_path, [path for _, path in wrote])}"
    yield from _without_file(processes, min_samples)
    yield from _left_out(processes)
    if lost:
        yield f"{lost} more processes or programs are not listed"


def _without_file(processes: list[Process], min_samples: int) -> Iterator[str]:
    lasting = _without_what_they_became(processes)
    gone = [one for one in lasting if one.state == RUNS]
    running = [one.pid for one in gone if _is_running(one.pid)]
    ended = [one.pid for one in gone if one.pid not in running]
    for pids, why in (
        (running, "still running, and will write their files when they end"),
        (ended, "ended without a normal Python shutdown (killed, or ended by native code)"),
        ([one.pid for one in lasting if one.state == FAILED], "could not write"),
        (
            [one.pid for one in lasting if one.state == REPLACED],
            "replaced itself with another program before anything was sampled",
        ),
        ([one.pid for one in lasting if one.state == IDLE], _too_few(min_samples)),
        ([one.pid for one in lasting if one.state == CROWDED], "there are many files, and these profiles were small"),
    ):
        if pids:
            which = ", ".join(map(str, pids[:_ROWS])) + (", …" if len(pids) > _ROWS else "")
            yield f"{len(pids)} {_processes(len(pids))} wrote no file: {why} ({which})"


def _without_what_they_became(processes: list[Process]) -> list[Process]:
    """Return the last record of each process. A worker that becomes another program has a record for each of the two. A
    record of a written file takes precedence.
    """
    last: dict[int, Process] = {}
    for one in processes:
        if one.state != LEFT_OUT and (one.pid not in last or last[one.pid].state != WROTE):
            last[one.pid] = one
    return list(last.values())


def _too_few(min_samples: int) -> str:
    if min_samples <= 1:
        return "allocated too little to be sampled"
    return f"fewer than {min_samples} samples of their own (--children-min-samples)"


def _left_out(processes: list[Process]) -> Iterator[str]:
    counts = _never_joined(processes)
    total = sum(counts.values())
    if total:
        rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
        names = [visible(text) + (f" ({count} times)" if count > 1 else "") for text, count in rows[:_ROWS]]
        more = f"; and {len(rows) - _ROWS} more" if len(rows) > _ROWS else ""
        programs = "1 Python program was" if total == 1 else f"{total} Python programs were"
        yield f"{programs} started but not profiled: {'; '.join(names)}{more}"
        yield "(such a program runs with -S, without SPPROF, or in an environment without spprof)"


def _never_joined(processes: list[Process]) -> dict[str, int]:
    """Return, by description, the number of started programs that never recorded that they were being profiled."""
    joined = [one for one in processes if one.parent]
    counts: dict[str, int] = {}
    for one in processes:
        if one.state != LEFT_OUT:
            continue
        own = next((other for other in joined if _is_start_of(other, one)), None)
        if own is None:
            counts[one.text] = counts.get(one.text, 0) + 1
        else:
            joined.remove(own)
    return counts


def _is_start_of(program: Process, start: Process) -> bool:
    """Return whether ``start`` may be the start of ``program``. The process that started ``program``, or that became
    it, recorded ``start``.
    """
    return start.pid in (program.parent, program.pid) and start.text in (program.text, _script_of(program.text))


def _script_of(told: str) -> str:
    """Return the script in "python script argument". The parent may have started the script by that name alone."""
    return told.partition(" ")[2].partition(" ")[0]


def _processes(count: int) -> str:
    return "process" if count == 1 else "processes"


def _is_running(pid: int) -> bool:
    """Return whether the process is running, rather than ended or a zombie."""
    if is_macos():
        with suppress(Exception):  # the program may have changed its root
            from spprof.process import other_process_macos

            return other_process_macos.is_running(pid)
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] not in (b"Z", b"X", b"")
    except OSError:
        return False


def _pattern(own_path: str, others: list[str]) -> str:
    """Return the files of a run as shell words: a pattern such as ``x.pb.gz x.*.pb.gz``, a list of all files, or the
    folder.
    """
    own = _short(own_path)
    stems = {_stem(own, _short(path)) for path in others}
    stem = stems.pop()
    if not stems and stem:
        pattern = f"{shell_word(stem)}.*.pb.gz"
        return pattern if own[len(stem) + 1 :].partition(".")[0].isdecimal() else f"{shell_word(own)} {pattern}"
    if len(others) < _ROWS:
        return " ".join(shell_word(_short(path)) for path in (own_path, *others))
    return shell_word(os.path.join(os.path.dirname(own), "")) if os.path.dirname(own) else "."


def _stem(own: str, other: str) -> str:
    """Return the common prefix of two files of one program, up to their pids; "" if the files belong to different
    programs.
    """
    stem = other.removesuffix(".pb.gz").rpartition(".")[0]
    return stem if own == f"{stem}.pb.gz" or own.rpartition(".pb.gz")[0].rpartition(".")[0] == stem else ""


def _short(path: str) -> str:
    return seen_from(_STARTED_IN, path)


def _told_python(program: Any, words: Any) -> str | None:
    """Describe a Python program that is about to start. None: it is not Python, or need not be mentioned."""
    path = _path_of(program)
    behind = [os.fsdecode(word) for word in words][1:]
    first_line = _first_bytes(path).partition(b"\n")[0]
    if first_line.startswith(b"#!") and b"python" in first_line:
        return _cut(os.path.basename(path))
    if not os.path.basename(path).startswith("python") and path != sys.executable:
        return None
    if is_tracker(behind):
        return None
    command = command_of(behind)
    for code, told in _WORKERS.items():
        if command.code.startswith(code):
            return told
    return _cut(" ".join(["python", *_named(command)]).split("\n")[0])


def helper_of(words: list[str]) -> str | None:
    """Return which of the helpers this command runs. Helpers hold none of the program's memory. None: it runs no
    helper.
    """
    first = [statement.strip() for statement in command_of(words).code.split(";")[:2]]  # "import sys" may come first
    for helper in _HELPERS:
        if any(one.startswith("from ") and one.endswith(helper) for one in first):
            return helper
    return None


def is_tracker(words: list[str]) -> bool:
    """Return whether the command is a helper that never runs code of the program."""
    return helper_of(words) == _TRACKER


def _named(command: Command) -> list[str]:
    """Return the words that identify the program, and -S if given, which disables SPPROF."""
    named = [os.path.basename(word) for word in command.program[:2]]
    return ["-S", *named] if "S" in command.flags else named


def _path_of(program: Any) -> str:
    """Return the program's path. fork_exec takes a sequence of paths and runs the first executable one."""
    if isinstance(program, (str, bytes, os.PathLike)):
        return os.fsdecode(program)
    candidates = [os.fsdecode(one) for one in program]
    return next((one for one in candidates if os.access(one, os.X_OK)), candidates[0])


def _first_bytes(path: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(_SHEBANG_BYTES)
    except OSError:
        return b""


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"
