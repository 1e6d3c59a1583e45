"""The files that a run writes: their names depend on the program, the process and the kind of profile.

-o x.pb.gz     x.pb.gz, CPU profile x.cpu.pb.gz            other processes: x.<pid>.pb.gz, x.<pid>.cpu.pb.gz
-o DIR/        DIR/spprof-<program>.<pid>.pb.gz             the same, each with its own pid
nothing        spprof-<program>.<pid>.pb.gz                 the same

Processes started as separate programs, through SPPROF, write x.<pid>.pb.gz, or into DIR/ under their own program's
name. If an earlier process with the same pid has left that file, they write x.<pid>-2.pb.gz.
"""

from __future__ import annotations

import os

from spprof.cli.arguments import absolute
from spprof.on_demand import module
from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof import formats
else:
    formats = module("spprof.formats")

_CPU = ".cpu"
_NOBODY = -1
_COUNTED_MAX = 4096
_NAME_BYTES = 200
"""Maximum length of the program's name within a file name. A file name may have at most 255 bytes."""


def output_of(wanted: str | None, program: str, pid: int) -> str:
    """Return the heap profile's absolute path for ``-o wanted``. If it ends with a slash, it is a folder, which is
    created if missing.

    OSError: it cannot be created, or the path is relative and the current folder has been removed.
    """
    if wanted and not wanted.endswith(os.sep):
        return absolute(wanted)
    folder = absolute(wanted) if wanted else absolute(".")
    if wanted:
        os.makedirs(folder, exist_ok=True)
    name = os.fsdecode(os.fsencode(program)[:_NAME_BYTES])
    return os.path.join(folder, f"spprof-{name}.{pid}.pb.gz")


def beside(output: str) -> str:
    """Return the path of the CPU profile that belongs to a heap profile."""
    stem, suffix = _split(output)
    return f"{stem}{_CPU}{suffix}"


def pair(output: str, *, has_heap: bool, has_cpu: bool, is_named: bool) -> tuple[str, str]:
    """Return the paths of the heap profile and of the CPU profile; "" if there is no such profile.

    ``is_named``: ``output`` is the requested file, not a name generated in a folder. A single profile then gets exactly
    this path.
    """
    if has_heap:
        return output, beside(output) if has_cpu else ""
    return "", output if is_named else beside(output)


def of_new_program(wanted: str, program: str, pid: int, *, has_heap: bool, has_cpu: bool) -> tuple[str, str]:
    """Like ``pair``, but for a process that was started as a separate program with ``out=wanted``. Return paths that do
    not exist yet.

    OSError: as for ``output_of``.
    """
    is_named = bool(wanted) and not wanted.endswith(os.sep)
    output = of_process(absolute(wanted), pid, _NOBODY) if is_named else output_of(wanted, program, pid)
    number = 1
    while True:
        found = pair(numbered(output, number), has_heap=has_heap, has_cpu=has_cpu, is_named=is_named)
        if not any(os.path.lexists(path) for path in found if path):
            return found
        number += 1


def count_beside(path: str) -> int:
    """Return how many profiles the folder of ``path`` holds. Counting stops at a few thousand."""
    suffix = _split(path)[1]
    found = 0
    with suppress(OSError), os.scandir(os.path.dirname(path)) as entries:
        for entry in entries:
            found += entry.name.endswith(suffix)
            if found >= _COUNTED_MAX:
                break
    return found


def of_process(output: str, pid: int, first_pid: int) -> str:
    """Return the path to which the process ``pid`` writes if ``first_pid`` writes to ``output``."""
    if pid == first_pid:
        return output
    stem, suffix = _split_before_kind(output)
    own = f".{first_pid}"
    return f"{stem[: -len(own)] if stem.endswith(own) else stem}.{pid}{suffix}"


def numbered(path: str, number: int) -> str:
    """Return an alternative to a ``path`` that is taken: x.4711.cpu.pb.gz, x.4711-2.cpu.pb.gz, …"""
    stem, suffix = _split_before_kind(path)
    return path if number == 1 else f"{stem}-{number}{suffix}"


def stem_of(path: str) -> str:
    """Return the path without its suffix and kind: x for x.pb.gz and for x.cpu.pb.gz."""
    return _split_before_kind(path)[0]


def _split_before_kind(path: str) -> tuple[str, str]:
    stem, suffix = _split(path)
    return (stem[: -len(_CPU)], _CPU + suffix) if stem.endswith(_CPU) else (stem, suffix)


def _split(path: str) -> tuple[str, str]:
    known = formats.suffix_of(path)
    return (path[: -len(known)], known) if known else os.path.splitext(path)
