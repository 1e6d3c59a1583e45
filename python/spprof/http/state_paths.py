"""The process and its threads by paths: what ``spprof.listen()`` answers without the GIL, told with it."""

from __future__ import annotations

import sys

from spprof import _engine
from spprof.http.answers import JSON, TEXT, Answer
from spprof.process import numbers
from spprof.process.title import title
from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.http.query import Query


def prepare() -> None:
    """Tell the engine what it cannot know when it answers by itself, while the program is well."""
    _engine.set_state(title(), sys.version.partition(" ")[0], numbers.started_ns())
    with suppress(OSError):  # each signal is the program's: /stacks tells that
        _engine.prepare_stacks()


def stats(query: Query) -> Answer:
    """``/stats``: how the process and its profilers are."""
    _prepare_again()
    return Answer(200, JSON, _engine.state_text())


def stacks(query: Query) -> Answer:
    """``/stacks``: what each thread is doing, but for the one that answers."""
    _prepare_again()
    return Answer(200, TEXT, _engine.stacks_text())


def _prepare_again() -> None:
    """A worker is another process than the one that was prepared. A subinterpreter with its own GIL may not."""
    with suppress(RuntimeError):
        prepare()
