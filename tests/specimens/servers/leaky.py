"""A WSGI application that leaks where it is asked to: one worker of many. It answers with the worker's pid."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BLOCK = 200_000
kept: list[bytearray] = []


def leak() -> None:
    """Keeps 40 MB."""
    for _ in range(200):
        kept.append(bytearray(BLOCK))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    if environ["PATH_INFO"] == "/leak":
        leak()
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
