"""The dispatch of paths. Go's paths are below /debug/pprof; each also works without that prefix, for mounted
applications.

    method, path, query ─► answer() ─┬─► Answer
                                     └─► Later(seconds, then) ─► then() ─► Answer, or Later again

Nothing is raised: an error becomes an answer of one sentence. The only exception is GaveWayError: work on the
background thread gives way when the process is about to fork, and is called again afterwards
(``spprof.serve.background``).
"""

from __future__ import annotations

from functools import partial

from spprof import supported
from spprof.http import index_page
from spprof.http.answers import Answer, Later, RefusalError, text
from spprof.http.query import Query, quoted
from spprof.on_demand import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from spprof.http import control_paths, cpu_paths, heap_paths, state_paths
    from spprof.http.answers import Step
else:
    control_paths = module("spprof.http.control_paths")
    cpu_paths = module("spprof.http.cpu_paths")
    heap_paths = module("spprof.http.heap_paths")
    state_paths = module("spprof.http.state_paths")

GO: Final = "/debug/pprof"
_OF_GO: Final = ("/heap", "/allocs", "/profile")

_READ: dict[str, Callable[[Query], Step]] = {
    "/heap": lambda query: heap_paths.heap(query),
    "/allocs": lambda query: heap_paths.allocs(query),
    "/profile": lambda query: cpu_paths.profile(query),
    "/flamegraph": lambda query: (cpu_paths if query.flag("cpu") else heap_paths).flamegraph(query),
    "/stats": lambda query: state_paths.stats(query),
    "/stacks": lambda query: state_paths.stacks(query),
}
_CHANGE: dict[str, Callable[[Query], Step]] = {
    "/start": lambda query: control_paths.start(query),
    "/stop": lambda query: control_paths.stop(query),
}

_LINKS = (
    (
        "heap",
        "the live heap, as pprof (<code>?seconds=30</code>: what changes in that time; <code>?debug=1</code>: text)",
    ),
    ("allocs", "the same, opening with everything that was ever allocated"),
    ("profile?seconds=30", "CPU time of the next 30 seconds, as pprof (<code>&amp;mode=wall</code>: wall-clock time)"),
    ("flamegraph", "an HTML page with a flame graph of the heap"),
    ("flamegraph?cpu&amp;seconds=30", "the same for CPU time"),
    ("stats", "the state of the process and its profilers, as JSON"),
    ("stacks", "what each thread is doing now"),
)

_NO_MEMORY = text(503, "there is not enough memory left to make this profile")


def answer(method: str, path: str, query: str) -> Step:
    """Answer a request. ``path``: the path as sent; ``query``: the text after "?", without the token."""
    return _guarded(lambda: _answer(method, path, query))


def index(method: str, address: str) -> Step:
    """Answer a request for the page of links, whatever the page's own address is."""
    return _guarded(lambda: _index(method, address))


def _guarded(work: Callable[[], Step]) -> Step:
    try:
        step = work()
        if isinstance(step, Answer):
            return step
        return Later(step.seconds, partial(_guarded, step.then), step.abandon)
    except RefusalError as refusal:
        return refusal.answer
    except MemoryError:
        return _NO_MEMORY
    except Exception as error:
        return text(500, f"the profile could not be created: {type(error).__name__}: {str(error) or 'no reason given'}")


def _answer(method: str, path: str, query: str) -> Step:
    name = path[len(GO) :] if path == GO or path.startswith(f"{GO}/") else path
    if name in ("", "/"):
        return _index(method, path)
    if supported.refusal():
        raise RefusalError(409, supported.refusal())
    if name in _READ:
        _need(method, "GET")
        return _READ[name](Query(query))
    if name in _CHANGE:
        _need(method, "POST")
        return _CHANGE[name](Query(query))
    names = [f"{GO}{name}" if name in _OF_GO else name for name in (*_READ, *_CHANGE)]
    raise RefusalError(404, f"there is no such path; the paths are {', '.join(names)}")


def _index(method: str, address: str) -> Answer:
    """Return the page of links. If the page's address does not end with a slash, browsers resolve its links relative to
    the parent.
    """
    _need(method, "GET")
    last = address.rpartition("/")[2]
    return index_page.page(f"{quoted(last)}/" if last else "", _LINKS)


def _need(method: str, wanted: str) -> None:
    """Check the method. HEAD counts as GET; the sender leaves out the body."""
    if method != wanted and not (method == "HEAD" and wanted == "GET"):
        allowed = "GET, HEAD" if wanted == "GET" else wanted
        raise RefusalError(405, f"this path only accepts {allowed}", ("Allow", allowed))
