"""The processes of one run: who wrote which file, who wrote none and why, and which Python programs were not profiled.

    fork ──► born ──► wrote | idle | failed | replaced            each process notes what becomes of it
    subprocess, os.posix_spawn, exec of a Python ──► left_out     the process that starts it notes that

The notes are in memory that the processes share by fork (``src/python/module/family.h``); the first process reads them
when it ends.
"""

from __future__ import annotations

import os
import stat
import sys

from spprof import _engine
from spprof.cli.arguments import current_folder, seen_from
from spprof.cli.terminal import shell_word
from spprof.records import NamedTuple, suppress
from spprof.text import amount, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

RUNS, WROTE, IDLE, FAILED, REPLACED, LEFT_OUT = range(1, 7)
"""States of a record. IDLE: the process sampled nothing itself, and leaves no file. LEFT_OUT: a Python program that was
started and is not profiled."""

_ROWS = 5
_TEXT_MAX = 60
_STARTED_IN = current_folder() or os.sep
_SHEBANG_BYTES = 128
_HELPERS = ("multiprocessing.resource_tracker",)
"""Helpers of the standard library's, which hold nothing of the program's."""

_WORKERS = {
    "multiprocessing.spawn": "a worker of multiprocessing (spawn)",
    "multiprocessing.forkserver": "the fork server of multiprocessing, with all its workers",
}


class Process(NamedTuple):
    """What is known of one process or program."""

    pid: int
    state: int
    value: int
    """Of WROTE the estimate: bytes of a heap, or nanoseconds."""
    text: str


class Family:
    """The notes of this process, and of all at the end."""

    def __init__(self) -> None:
        self._number = -1
        _engine.family_open()

    def born(self) -> None:
        """This process was forked."""
        self._number = _engine.family_add(RUNS, 0, b"")

    def wrote(self, value: int) -> None:
        """This process has written its file, of a heap or time of ``value``."""
        self._set(WROTE, value)

    def is_idle(self) -> None:
        """This process ends without a file, as it sampled nothing itself."""
        self._set(IDLE, 0)

    def failed(self) -> None:
        """The file of this process could not be written, which was said."""
        self._set(FAILED, 0)

    def _set(self, state: int, value: int) -> None:
        _engine.family_set(self._number, state, max(value, 0))

    def starts(self, program: Any, words: Any) -> None:
        """This process starts another program, or becomes one. Whatever is amiss is for the original to say."""
        with suppress(Exception):
            told = _told_python(program, words)
            if told is not None:
                _engine.family_add(LEFT_OUT, 0, told.encode("utf-8", "backslashreplace"))

    def becomes(self, program: Any, words: Any) -> None:
        """This process becomes another program, unless that is refused."""
        self._set(REPLACED, 0)
        self.starts(program, words)


def read() -> tuple[list[Process], int]:
    """All notes, and how many found no room."""
    records, lost = _engine.family_records()
    return [Process(*row[:3], row[3].decode("utf-8", "replace")) for row in records], lost


def lines(
    own_value: int, own_path: str, path_of: Callable[[int], str], told: tuple[list[Process], int], unit: str
) -> Iterator[str]:
    """The paragraph that a run ends with where there were other processes; nothing where there were none.

    ``own_value``: the estimate of the first process, in ``unit``. ``path_of``: of a process its file.
    """
    processes, lost = told
    wrote = [(one.value, path_of(one.pid)) for one in processes if one.state == WROTE]
    if wrote:
        files = sorted([*wrote, (own_value, own_path)], key=lambda row: (-row[0], row[1]))
        yield f"{len(files)} processes wrote files, the largest first:"
        for value, path in files[:_ROWS]:
            yield f"{amount(value, unit):>11}  {_short(path)}{' (the program itself)' if path == own_path else ''}"
        if len(files) > _ROWS:
            yield f"{amount(sum(value for value, _ in files[_ROWS:]), unit):>11}  in {len(files) - _ROWS} more"
        if own_path.endswith(".pb.gz"):
            yield f"the largest: spprof table {shell_word(_short(files[0][1]))}"
            yield f"each of them: spprof table --by process {_pattern(own_path, wrote[0][1])}"
    yield from _without_file(processes)
    yield from _left_out(processes)
    if lost:
        yield f"{lost} more processes or programs are not listed"


def _without_file(processes: list[Process]) -> Iterator[str]:
    gone = [one for one in processes if one.state == RUNS]
    running = [one.pid for one in gone if _is_running(one.pid)]
    ended = [one.pid for one in gone if one.pid not in running]
    for pids, why in (
        (running, "still running, to write when they end"),
        (ended, "ended without Python's own end (killed, or os._exit in native code)"),
        ([one.pid for one in processes if one.state == FAILED], "could not write"),
        ([one.pid for one in processes if one.state == REPLACED], "became another program, and nothing was sampled"),
        ([one.pid for one in processes if one.state == IDLE], "allocated too little to be sampled"),
    ):
        if pids:
            which = ", ".join(map(str, pids[:_ROWS])) + (", …" if len(pids) > _ROWS else "")
            yield f"{len(pids)} {_processes(len(pids))} left no file: {why} ({which})"


def _left_out(processes: list[Process]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for one in processes:
        if one.state == LEFT_OUT:
            counts[one.text] = counts.get(one.text, 0) + 1
    total = sum(counts.values())
    if total:
        rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
        names = [visible(text) + (f" ({count} times)" if count > 1 else "") for text, count in rows[:_ROWS]]
        more = f"; and {len(rows) - _ROWS} more" if len(rows) > _ROWS else ""
        programs = "1 Python program was" if total == 1 else f"{total} Python programs were"
        yield f"{programs} started and not profiled: {'; '.join(names)}{more}"


def _processes(count: int) -> str:
    return "process" if count == 1 else "processes"


def _is_running(pid: int) -> bool:
    """Whether the process is there, and not only as a status that nobody has fetched."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] not in (b"Z", b"X", b"")
    except OSError:
        return False


def _pattern(own_path: str, other_path: str) -> str:
    """The files of a run, for a shell: ``x.pb.gz x.*.pb.gz``."""
    own, other = _short(own_path), _short(other_path)
    alike = next(at for at, (one, two) in enumerate(zip(own, other)) if one != two)
    stem = other[: other.rindex(".", 0, alike + 1)]
    pattern = f"{shell_word(stem)}.*.pb.gz"
    return pattern if own[len(stem) + 1 :].partition(".")[0].isdecimal() else f"{shell_word(own)} {pattern}"


def _short(path: str) -> str:
    return seen_from(_STARTED_IN, path)


def _told_python(program: Any, words: Any) -> str | None:
    """How a Python program that is about to start is told; None where it is none, or one that needs no word."""
    path = _path_of(program)
    command = [os.fsdecode(word) for word in words]
    script = command[1:]
    first_line = _first_bytes(path).partition(b"\n")[0]
    if first_line.startswith(b"#!") and b"python" in first_line:
        return _cut(os.path.basename(path))
    if not os.path.basename(path).startswith("python") and path != sys.executable:
        return None
    for module in _HELPERS:
        if any(module in word for word in script):
            return None
    for module, told in _WORKERS.items():
        if any(module in word for word in script):
            return told
    return _cut(" ".join(["python", *_named(script)]).split("\n")[0])


def _named(words: list[str]) -> list[str]:
    """Of the words behind ``python`` those that tell which program it is."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-m", "-c", "-"):
        at += 2 if words[at] in ("-X", "-W") else 1
    return [os.path.basename(word) for word in words[at : at + 2]]


def _path_of(program: Any) -> str:
    """Of fork_exec a sequence of paths, of which the first that exists is taken."""
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
