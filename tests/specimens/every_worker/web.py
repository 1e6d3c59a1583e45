"""WSGI and ASGI applications in which one worker leaks on request. They answer with the worker's pid."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from leak import leak

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = str(leak() if environ["PATH_INFO"] == "/leak" else os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[[Any], Awaitable[None]]) -> None:
    del receive
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = str(leak() if scope["path"] == "/leak" else os.getpid()).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
