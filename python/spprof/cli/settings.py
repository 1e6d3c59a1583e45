"""A recorder's settings: what to record and where to write it."""

from __future__ import annotations

from spprof.records import NamedTuple

BY_PID = "unix"
"""Value of ``Settings.listens``: listen at the Unix socket named after the process id."""


class Settings(NamedTuple):
    """What to record, and where to write it."""

    output: str
    """Path of the heap profile; "": none."""
    rate_kb: int
    budget_percent: float | None
    """Percent of one core that heap samples may cost; None: no limit."""
    cpu_output: str
    """Path of the CPU profile; "": none."""
    interval_ms: float
    mode: str
    """``"cpu"`` or ``"wall"``."""
    is_native: bool
    """True if stacks of the CPU profile include native frames."""
    every: float
    """Seconds between writes; 0: write only at the end."""
    keep: int
    """Maximum number of snapshots in the series; 0: rewrite one file instead."""
    after: float
    """Seconds until sampling starts."""
    duration: float
    """Seconds of sampling; 0: until the end."""
    title: str
    """The program's name, as recorded in the files."""
    min_samples: int
    """A process with fewer samples writes no file. The first process always writes one."""
    follows_children: bool
    """True if forked processes continue to record."""
    listens: str
    """Where the process listens: "": nowhere; ``BY_PID``: at its Unix socket; any other text: also at this address."""
    when_rss: int = 0
    """RSS in bytes at which a trigger takes a snapshot; 0: never."""
    when_cgroup: float = 0.0
    """Percent of the control group's limit at which a trigger takes a snapshot; 0: never."""
    on_signal: int = 0
    """Number of the signal that triggers a snapshot; 0: none."""
    on_memory_error: bool = False

    @property
    def has_triggers(self) -> bool:
        return bool(self.when_rss or self.when_cgroup or self.on_signal or self.on_memory_error)


class Launch(NamedTuple):
    """The settings that ``spprof run`` passes, in one argument, to the interpreter that it starts."""

    settings: tuple[object, ...]
    kind: str
    program: str
    options: list[str]
    """The interpreter's options."""
    preload_before: str | None
    """The previous value of LD_PRELOAD."""
    preloads_children: bool
    """True if the library is also preloaded in programs that this one starts."""
    children: str
    """SPPROF for programs that this one starts; "": they are not profiled."""

    @property
    def argument(self) -> str:
        """The whole tuple as ASCII Python source."""
        return ascii(tuple(self))


def launch_of(argument: str) -> Launch:
    """Parse ``Launch.argument``. The text is evaluated, so it must come from our own command line."""
    return Launch(*eval(argument, {"__builtins__": {}}))
