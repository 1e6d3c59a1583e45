"""The processes behind the samples of a heap profile. A forked process may hold blocks that another process allocated.

comments  pid: 4712                 the process that the file describes; absent if there are several
          process: 4711 9c0e…       a process that samples belong to, and its mark: ids are reused, but marks are drawn
          process: 4712 17d3…       at random
          program: 4712 4711 a.py   its parent, and what it ran; one comment for each of several processes
labels    pid = 4711                the process that allocated; absent: the one that the file describes
          parent_pid = 4700         the parent, next to the pid of the process that the file describes
          born = before fork        inherited
serials   7, 12                     which of the blocks that 4711 allocated these are
"""

from __future__ import annotations

from spprof.pprof.profile import PID, Label
from spprof.records import NamedTuple, replace
from spprof.text import whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.pprof.profile import Profile

_OWN, _PROCESS, _PROGRAM = "pid", "process", "program"
_PARENT = "parent_pid"


class Lineage(NamedTuple):
    """The process of a snapshot, and its ancestors by fork."""

    processes: tuple[tuple[int, int], ...] = ()
    """Ids and marks, the oldest process first. Each process was forked by the one before it; the last is this process.
    """
    forked_serial: int = 0
    """The last serial number before this process's latest fork; 0: it never forked."""

    @property
    def has_relatives(self) -> bool:
        """True if another process may hold blocks of this one, or has allocated some of this one's blocks."""
        return len(self.processes) > 1 or self.forked_serial > 0

    @property
    def names(self) -> list[str]:
        """The name of each process: its id, numbered if an id was reused."""
        named: dict[str, int] = {}
        return [free_name(str(pid), mark, named) for pid, mark in self.processes]

    def comments(self) -> list[tuple[str, str]]:
        """Return the comments for the process that the file describes, and for the marks of the processes."""
        names = self.names
        known = [(name, mark) for name, (_, mark) in zip(names, self.processes)]
        return [(_OWN, names[-1]), *process_comments(known)] if names else []


NO_LINEAGE = Lineage()


def free_name(name: str, mark: int, named: dict[str, int]) -> str:
    """Return ``name``, with a number if ``named`` already has it for another process. Add it there, with its mark."""
    wanted, count = name, 1
    while wanted in named:
        count += 1
        wanted = f"{name} ({count})"
    named[wanted] = mark
    return wanted


def pid_label(name: str) -> Label:
    """Return the label for allocations of that process. It is a number if the name is one, because viewers can select
    by numbers.
    """
    number = whole_number(name)
    return Label(PID, None, number) if number is not None and number >= 0 else Label(PID, name)


def name_in(labels: Iterable[Label]) -> str | None:
    """Return the name of the process that allocated a sample with these labels; None if the labels do not name it."""
    return next((label.text or str(label.number) for label in labels if label.key == PID), None)


def name_of_process(labels: Iterable[Label]) -> str:
    """Return the same as ``name_in``, but in words and for any sample."""
    name = name_in(labels)
    return "process unknown" if name is None else f"process {name}"


class Program(NamedTuple):
    """Facts about a process besides its id."""

    parent: int
    """The process that started or forked it."""
    name: str
    """The script or module that it ran."""

    def __str__(self) -> str:
        return f"{self.name}, started by {self.parent}"


def program_note(pid: int, parent: int, name: str) -> dict[str, str]:
    """Return the comment for the file of one process."""
    return {_PROGRAM: f"{pid} {parent} {name}"}


def program_comments(profiles: Iterable[Profile]) -> list[tuple[str, str]]:
    """Return the comments about the programs of several files."""
    start = f"{_PROGRAM}: "
    texts = {text[len(start) :]: None for one in profiles for text in one.comments if text.startswith(start)}
    return [(_PROGRAM, text) for text in texts]


def programs_of(profile: Profile) -> dict[str, Program]:
    """Return what is known about each process, keyed by its id; nothing for a reused id."""
    found: dict[str, list[Program]] = {}
    for _, text in program_comments([profile]):
        pid, _, rest = text.partition(" ")
        text, _, name = rest.partition(" ")
        parent = whole_number(text)
        if parent is not None and parent >= 0:
            found.setdefault(pid, []).append(Program(parent, name))
    return {pid: programs[0] for pid, programs in found.items() if len(programs) == 1}


def process_comments(known: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    """Return the comments with the marks of processes."""
    return [(_PROCESS, f"{name} {mark:016x}") for name, mark in known]


def marks_of(profile: Profile) -> dict[str, int]:
    """Return the mark of each process that a heap profile names; empty if it names none."""
    marks: dict[str, int] = {}
    for comment in profile.comments if profile.is_heap else ():
        key, _, text = comment.partition(": ")
        name, _, mark = text.rpartition(" ")
        if key == _PROCESS and name:
            try:
                marks[name] = int(mark, 16)
            except ValueError:
                continue
    return marks


def with_own_process(profile: Profile) -> Profile:
    """Return the profile with each sample labelled with its process. Samples without that label belong to the process
    that the file describes.
    """
    own = profile.note(_OWN)
    if own is None:
        return profile
    known = programs_of(profile).get(own)
    labels = (pid_label(own), *([Label(_PARENT, None, known.parent)] if known else []))
    samples = [
        sample if name_in(sample.labels) else sample._replace(labels=(*sample.labels, *labels))
        for sample in profile.samples
    ]
    return replace(profile, samples=samples)


def with_processes_apart(profiles: list[Profile]) -> list[Profile]:
    """Return the profiles. If there are several, their samples are labelled with their processes, so that the sum still
    shows which process allocated.
    """
    owners = {profile.note(_OWN) for profile in profiles}
    return list(map(with_own_process, profiles)) if len(owners) > 1 else profiles


def own_mark(profile: Profile) -> int | None:
    """Return the mark of the process that the file describes; None for several processes or another tool's file."""
    return marks_of(profile).get(profile.note(_OWN) or "")
