"""What a recorder is told: what to record and where, and which process it is in."""

from __future__ import annotations

from spprof.records import NamedTuple

BY_PID = "unix"
"""Of ``Settings.listens``: at the Unix socket that is named after the process's id."""


class Settings(NamedTuple):
    """What is recorded, and where it goes."""

    output: str
    """Of the heap profile; "": there is none."""
    rate_kb: int
    budget_percent: float | None
    """What samples may cost of one core; None: whatever they do."""
    cpu_output: str
    """Of the CPU profile; "": there is none."""
    interval_ms: float
    mode: str
    """``"cpu"`` or ``"wall"``."""
    is_native: bool
    """Whether stacks of the CPU profile have native frames."""
    every: float
    """Seconds between files; 0: only at the end."""
    keep: int
    """How many snapshots there may be; 0: no series, one file is rewritten."""
    after: float
    """Seconds until sampling begins."""
    duration: float
    """Seconds for which it goes on; 0: to the end."""
    title: str
    """What is noted of the program."""
    min_samples: int
    """A process with fewer leaves no file; the first one always leaves its own."""
    follows_children: bool
    """Whether forked processes go on recording."""
    listens: str
    """Where the process can be asked: "" nowhere; ``BY_PID`` at a Unix socket; else at that address too."""
    when_rss: int = 0
    """Bytes at which a trigger takes a snapshot; 0: it does not."""
    when_cgroup: float = 0.0
    """Percent of the control group's limit; 0: it does not."""
    on_signal: int = 0
    """The signal at which it does; 0: none."""
    on_memory_error: bool = False

    @property
    def has_triggers(self) -> bool:
        return bool(self.when_rss or self.when_cgroup or self.on_signal or self.on_memory_error)


class Launch(NamedTuple):
    """What ``spprof run`` tells the interpreter that it starts, in one argument."""

    settings: tuple[object, ...]
    kind: str
    program: str
    options: list[str]
    """The interpreter's."""
    preload_before: str | None
    """LD_PRELOAD as it was."""
    preloads_children: bool
    """Whether programs that this one starts are preloaded, too."""
    children: str
    """SPPROF for programs that this one starts; "": they are not profiled."""

    @property
    def argument(self) -> str:
        """All of it in ASCII, as Python writes a tuple."""
        return ascii(tuple(self))


def launch_of(argument: str) -> Launch:
    """What an argument tells. It is evaluated: only our own command line may be."""
    return Launch(*eval(argument, {"__builtins__": {}}))
