"""Code that the WSGI and ASGI applications share: it parses requests, checks tokens and makes headers."""

from __future__ import annotations

from spprof.http.answers import Answer, text
from spprof.http.token import apart, is_right, of_header
from spprof.on_demand import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.http import endpoints
    from spprof.http.answers import Step
else:
    endpoints = module("spprof.http.endpoints")

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_UNAUTHORIZED = text(
    401,
    "this needs the token: ?token=… in the address, or the header Authorization: Bearer …",
    ("WWW-Authenticate", "Bearer"),
)


def answered(method: str, mount: str, path: str, query: str, authorization: str, token: str) -> Step:
    """Answer a request. ``mount``: the application's mount point; ``path``: the rest of the path. ``token``: the
    required token; "": none.
    """
    given, rest = apart(query)
    if token and not is_right(token, given, of_header(authorization)):
        return _UNAUTHORIZED
    return endpoints.answer(method, path, rest) if path else endpoints.index(method, mount)


def headers(answer: Answer) -> list[tuple[str, str]]:
    """Return all headers of an answer."""
    found = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *answer.headers,
    ]
    if answer.file_name:
        found.append(("Content-Disposition", f'attachment; filename="{answer.file_name}"'))
    return found
