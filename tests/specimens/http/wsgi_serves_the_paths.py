"""The application is served under wsgiref's validator, at any mount point, with and without a token."""

import io
import sys
import warnings
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from asking import read_bytes, sums
from of_cpu import busy
from spprof import _engine, memprof
from spprof.http import wsgi
from spprof.http.wsgi_application import time as its_time

warnings.simplefilter("error")


def ask(application, path, query="", method="GET", mount="", **headers):
    """Return the status, headers and body of a response as the validator passes them on."""
    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": mount, "PATH_INFO": path, "QUERY_STRING": query}
    environ.update({f"HTTP_{name.upper()}": value for name, value in headers.items()})
    setup_testing_defaults(environ)
    told = []
    chunks = validator(application)(environ, lambda status, headers, error=None: told.append((status, dict(headers))))
    body = b"".join(chunks)
    chunks.close()
    status, found = told[0]
    if method != "HEAD":
        assert found["Content-Length"] == str(len(body))
    return int(status.split()[0]), found, body


memprof.start()
kept = bytearray(100_000_000)  # certain to be sampled
opened = wsgi(token="")
for mount, path in (
    ("", "/debug/pprof/heap"),
    ("", "/heap"),
    ("/debug/pprof", "/heap"),
    ("/internal", "/debug/pprof/heap"),
    ("/internal", "/heap"),
):
    status, headers, body = ask(opened, path, mount=mount)
    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    assert headers["Content-Disposition"] == 'attachment; filename="heap.pb.gz"'
    assert headers["Cache-Control"] == "no-store"
    assert sums(read_bytes(body))["inuse_space"] >= 100_000_000
status, headers, body = ask(opened, "/heap", method="HEAD")
assert (status, body) == (200, b"") and int(headers["Content-Length"]) > 100
for mount, path, link in (
    ("", "", 'href="heap"'),
    ("", "/", 'href="heap"'),
    ("/debug/pprof", "", 'href="pprof/heap"'),
    ("/debug/pprof", "/", 'href="heap"'),
    ("/internal", "/debug/pprof", 'href="pprof/heap"'),
    ('/"><b>', "", 'href="%22%3E%3Cb%3E/heap"'),
):
    status, headers, body = ask(opened, path, mount=mount)
    assert status == 200 and link in body.decode(), (mount, path, body)
assert ask(opened, "", method="POST")[0] == 405
status, headers, body = ask(opened, "/heap", method="POST")
assert (status, headers["Allow"]) == (405, "GET, HEAD")
assert ask(opened, "/nowhere")[0] == 404
assert ask(opened, "/heap", "seconds=x")[0] == 400
assert ask(opened, "/start", "cpu", method="POST")[0] == 200
assert ask(opened, "/stop", "cpu", method="POST")[0] == 200

# Steps that take time sleep on the worker's thread.
slept, real = [], its_time.sleep


def sleep(seconds):
    slept.append(seconds)
    busy()


its_time.sleep = sleep
status, _, body = ask(opened, "/debug/pprof/profile", "seconds=7&interval_ms=1")
assert (status, slept) == (200, [7]) and sums(read_bytes(body), "busy")["cpu"] > 0


def is_interrupted(seconds):
    raise KeyboardInterrupt


its_time.sleep = is_interrupted
for path in ("/profile", "/heap", "/profile"):
    try:
        ask(opened, path, "seconds=5")
    except KeyboardInterrupt:
        assert not _engine.cpu_is_active()
    else:
        raise AssertionError("it goes on")
its_time.sleep = real

# Requests with a wrong token are refused.
given = wsgi(token="sesame c+ret")
for query, headers, status in (
    ("", {}, 401),
    ("token=", {}, 401),
    ("token=x", {}, 401),
    ("token=sesame%20c%2Bret", {}, 200),
    ("a=b&token=sesame+c%2Bret&seconds=", {}, 200),
    ("", {"authorization": "Bearer sesame c+ret"}, 200),
    ("", {"authorization": "bearer sesame c+ret"}, 200),
    ("", {"authorization": "Basic sesame c+ret"}, 401),
    ("token=x", {"authorization": "Bearer sesame c+ret"}, 200),
):
    for path in ("/heap", "/", "/start"):
        found, told, body = ask(given, path, query, method="POST" if path == "/start" else "GET", **headers)
        assert (found == 401) == (status == 401), (path, query, headers, found)
        assert b"sesame" not in body and "sesame" not in str(told)
        assert found != 401 or told["WWW-Authenticate"] == "Bearer"

standard, sys.stderr = sys.stderr, io.StringIO()
drawn = wsgi()
line, sys.stderr = sys.stderr.getvalue(), standard
assert line.count("\n") == 1 and "heap?token=" in line
token = line.strip().rpartition("=")[2]
assert len(token) == 32
assert ask(drawn, "/heap")[0] == 401 and ask(drawn, "/heap", f"token={token}")[0] == 200
for wrong in (5, b"x", True):
    try:
        wsgi(token=wrong)
    except TypeError as error:
        assert "token must be a str or None" in str(error)
    else:
        raise AssertionError(wrong)
sys.stderr, standard = None, sys.stderr
wsgi()  # a program without a token
sys.stderr = standard
