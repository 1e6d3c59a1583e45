"""The paths as a WSGI application: gunicorn, uWSGI, waitress, mod_wsgi."""

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
    """Return a WSGI application that serves Go's paths (``/debug/pprof/heap`` and others) wherever it is mounted.

    ``token``: the token that clients must send, as ``?token=…`` or in a header ``Authorization: Bearer …``. None: a
    random token is generated and written to stderr. "": no token is needed, because the program itself controls access.

    A worker's thread is occupied for as long as the profile takes; the server's timeout must allow this. TypeError: the
    token is not a str.
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
            time.sleep(step.seconds)  # looked up now: gevent may have replaced it
        except BaseException:
            step.abandon()
            raise
        step = step.then()
    return step
