"""Where a run writes: names of files by program, process and kind.

-o x.pb.gz     x.pb.gz, of CPU time x.cpu.pb.gz             other processes: x.<pid>.pb.gz, x.<pid>.cpu.pb.gz
-o DIR/        DIR/spprof-<program>.<pid>.pb.gz             the same, each with its own pid
nothing        spprof-<program>.<pid>.pb.gz                 the same
"""

from __future__ import annotations

import os

from spprof.cli.arguments import absolute
from spprof.on_demand import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof import formats
else:
    formats = module("spprof.formats")

_CPU = ".cpu"


def output_of(wanted: str | None, program: str, pid: int) -> str:
    """The heap profile's absolute path for ``-o wanted``; a folder, with a slash at its end, is made if missing.

    OSError: it cannot be made, or the path is relative and the current folder has been removed.
    """
    if wanted and not wanted.endswith(os.sep):
        return absolute(wanted)
    folder = absolute(wanted) if wanted else absolute(".")
    if wanted:
        os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, f"spprof-{program}.{pid}.pb.gz")


def beside(output: str) -> str:
    """The path of the CPU profile beside that of the heap."""
    stem, suffix = _split(output)
    return f"{stem}{_CPU}{suffix}"


def of_process(output: str, pid: int, first_pid: int) -> str:
    """Where the process ``pid`` writes, if ``first_pid`` writes ``output``."""
    if pid == first_pid:
        return output
    stem, suffix = _split(output)
    if stem.endswith(_CPU):
        stem, suffix = stem[: -len(_CPU)], _CPU + suffix
    own = f".{first_pid}"
    return f"{stem[: -len(own)] if stem.endswith(own) else stem}.{pid}{suffix}"


def _split(path: str) -> tuple[str, str]:
    known = formats.suffix_of(path)
    return (path[: -len(known)], known) if known else os.path.splitext(path)
