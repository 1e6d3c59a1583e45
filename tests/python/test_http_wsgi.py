"""`spprof.http.wsgi` serves the paths in an application of a WSGI server."""

from __future__ import annotations

from child import Child
from specimens import specimen


def test_wsgi_serves_the_paths(child: Child) -> None:
    child.run(specimen("http/wsgi_serves_the_paths"))


def test_a_drawn_token_is_told_once_and_on_stderr(child: Child) -> None:
    finished = child.attempt("from spprof.http import asgi, wsgi; wsgi(); asgi(); wsgi(token='x'); asgi(token='')")
    first, second = finished.stderr.splitlines()
    assert (finished.returncode, finished.stdout) == (0, "")
    assert "spprof.http.wsgi() is mounted" in first
    assert "spprof.http.asgi() is mounted" in second
    assert first.rpartition("=")[2] != second.rpartition("=")[2]
