"""The paths as an application of a WSGI server: gunicorn, uWSGI, waitress, mod_wsgi."""

from __future__ import annotations

import time

from spprof.http.answers import Later
from spprof.http.mounted import REASONS, answered, headers
from spprof.http.token import chosen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from spprof.http.answers import Answer, Step

    Application = Callable[[dict[str, Any], Callable[..., Any]], list[bytes]]


def wsgi(*, token: str | None = None) -> Application:
    """Return a WSGI application that answers Go's paths (``/debug/pprof/heap`` and others) wherever it is mounted.

    ``token``: who asks needs it, as ``?token=…`` or in a header ``Authorization: Bearer …``. None: one is drawn and
    written to stderr. "": none is needed, since the program itself checks who may ask.

    A worker's thread waits as long as a profile takes: a server's limit of time must allow it. TypeError: the token is
    no text.
    """
    wanted = chosen(token, "where spprof.http.wsgi() is mounted, at /")

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        method = environ["REQUEST_METHOD"]
        answer = _waited_for(
            answered(
                method,
                environ.get("SCRIPT_NAME", ""),
                environ.get("PATH_INFO", ""),
                environ.get("QUERY_STRING", ""),
                environ.get("HTTP_AUTHORIZATION", ""),
                wanted,
            )
        )
        start_response(f"{answer.status} {REASONS[answer.status]}", headers(answer))
        return [] if method == "HEAD" else [answer.body]

    return application


def _waited_for(step: Step) -> Answer:
    while isinstance(step, Later):
        try:
            time.sleep(step.seconds)  # as the program may have replaced it: gevent does
        except BaseException:
            step.abandon()
            raise
        step = step.then()
    return step
