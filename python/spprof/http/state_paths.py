"""The paths for the state of the process and its threads. ``spprof.listen()`` answers these without the GIL; here they
are answered with it.
"""

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
    """Give the engine, while the program is healthy, the facts that it cannot find out when it answers by itself."""
    _engine.set_state(title(), sys.version.partition(" ")[0], numbers.started_ns())
    with suppress(OSError):  # the program uses every signal, which /stacks will report
        _engine.prepare_stacks()


def stats(query: Query) -> Answer:
    """``/stats``: the state of the process and its profilers."""
    _prepare_again()
    return Answer(200, JSON, _engine.state_text())


def stacks(query: Query) -> Answer:
    """``/stacks``: what each thread is doing, except the answering thread."""
    _prepare_again()
    return Answer(200, TEXT, _engine.stacks_text())


def _prepare_again() -> None:
    """Prepare this process, which may be a worker that has been forked in the meantime. A subinterpreter with its own
    GIL cannot be prepared.
    """
    with suppress(RuntimeError):
        prepare()
