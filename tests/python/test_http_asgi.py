"""`spprof.http.asgi` serves the paths in an application of an ASGI server."""

from __future__ import annotations

from child import Child
from specimens import specimen


def test_asgi_serves_the_paths(child: Child) -> None:
    child.run(specimen("http/asgi_serves_the_paths"))


def test_nothing_is_imported_that_the_program_did_not_bring(child: Child) -> None:
    """Only our own modules are imported: not even asyncio, nor the standard library's HTTP modules."""
    told = child.run(specimen("http/nothing_is_imported_that_the_program_did_not_bring"))
    assert told == "[]\n"
