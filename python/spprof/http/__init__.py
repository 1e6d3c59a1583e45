"""The profiles that a running process serves over HTTP: Go's profile paths, and a few more.

    spprof.listen() ─► a thread in C ──────┐
    wsgi() ─► an application of a server ──┼─► endpoints.answer(method, path, query) ─► heap_paths, cpu_paths, …
    asgi() ─► an application of a server ──┘        ─► an answer now, or a function to call later

docs/http.md lists the paths. No module here is loaded until it is used.
"""

from __future__ import annotations

from spprof import on_demand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.http.asgi_application import asgi
    from spprof.http.wsgi_application import wsgi

__all__ = ["asgi", "wsgi"]

if not TYPE_CHECKING:

    def __getattr__(name):
        """Return a name exported from another module, which is loaded on first use."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(on_demand.load(f"spprof.http.{name}_application"), name)
        return found

    def __dir__():
        return sorted({*globals(), *__all__})
