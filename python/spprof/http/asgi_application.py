"""The paths as an ASGI application, for servers that run on asyncio: uvicorn, hypercorn, daphne."""

from __future__ import annotations

import sys

from spprof.http.answers import Later, text
from spprof.http.mounted import answered, headers
from spprof.http.token import chosen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from spprof.http.answers import Answer, Step

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_NO_ASYNCIO = text(500, "spprof.http.asgi() needs asyncio's event loop; run the server on it")


def asgi(*, token: str | None = None) -> Application:
    """Return an ASGI application that serves Go's paths (``/debug/pprof/heap`` and others) wherever it is mounted.

    ``token``: the token that clients must send, as ``?token=…`` or in a header ``Authorization: Bearer …``. None: a
    random token is generated and written to stderr. "": no token is needed, because the program itself controls access.

    The application needs asyncio's event loop. It does not block it: profiles are made on a thread of its executor.
    TypeError: the token is not a str.
    """
    wanted = chosen(token, "where spprof.http.asgi() is mounted, at /")

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            answer = await _answered(scope, receive, wanted)
            if answer is not None:
                await _send(answer, send, with_body=scope["method"] != "HEAD")
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})

    return application


async def _answered(scope: Scope, receive: Receive, wanted: str) -> Answer | None:
    """Return the answer; None if the client has disconnected."""
    asyncio = _running_asyncio()
    if asyncio is None:
        return _NO_ASYNCIO
    loop = asyncio.get_running_loop()
    mount, path = _parted(scope)
    query, authorization = scope.get("query_string", b"").decode("latin-1"), _header(scope, b"authorization")
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        step: Step = await loop.run_in_executor(
            None, lambda: answered(scope["method"], mount, path, query, authorization, wanted)
        )
        while isinstance(step, Later):
            try:
                is_gone, _ = await asyncio.wait({gone}, timeout=step.seconds)
            except BaseException:
                step.abandon()
                raise
            if is_gone:
                step.abandon()
                return None
            step = await loop.run_in_executor(None, step.then)
        return step
    finally:
        gone.cancel()


def _running_asyncio() -> Any:
    """Return asyncio if its loop is running this code, else None. It is not imported here, because a running loop has
    already imported it.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return None
    return asyncio


def _parted(scope: Scope) -> tuple[str, str]:
    """Return the mount point and the path below it. Servers differ in whether ``path`` includes both."""
    mount, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    if mount and (path == mount or path.startswith(f"{mount}/")):
        path = path[len(mount) :]
    return mount, path


def _header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name.lower() == wanted:
            return str(value.decode("latin-1"))
    return ""


async def _disconnected(receive: Receive) -> None:
    """Return once the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(answer: Answer, send: Send, *, with_body: bool) -> None:
    listed = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers(answer)]
    await send({"type": "http.response.start", "status": answer.status, "headers": listed})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        stage = (await receive())["type"]
        await send({"type": f"{stage}.complete"})
        if stage == "lifespan.shutdown":
            return
