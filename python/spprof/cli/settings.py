"""What ``spprof run`` tells the interpreter that it starts, in one argument."""

from __future__ import annotations

from spprof.records import NamedTuple


class Settings(NamedTuple):
    """What the new interpreter is told."""

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
    after: float
    """Seconds until sampling begins."""
    duration: float
    """Seconds for which it goes on; 0: to the end."""
    kind: str
    program: str
    title: str
    """What is noted of the program."""
    options: list[str]
    """The interpreter's."""
    preload_before: str | None
    """LD_PRELOAD as it was."""

    @property
    def argument(self) -> str:
        """All of it in ASCII, as Python writes a tuple."""
        return ascii(tuple(self))


def settings_of(argument: str) -> Settings:
    """The settings that an argument has. It is evaluated: only our own command line may be."""
    return Settings(*eval(argument, {"__builtins__": {}}))
