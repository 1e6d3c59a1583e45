"""The word that a request must bring where others than the program's own user can send some."""

from __future__ import annotations

import os
import sys
from _operator import _compare_digest

from spprof.http.query import unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_RANDOM_BYTES: Final = 16
_BEARER: Final = "bearer "


def drawn() -> str:
    """A new token: 128 random bits, which stand in an address as they are."""
    return os.urandom(_RANDOM_BYTES).hex()


def chosen(token: str | None, where: str) -> str:
    """The token that is needed; "": none. Where it is None one is drawn, and told on stderr, once.

    ``where``: what the address is, with the name of what is asked for left out. TypeError: it is no text.
    """
    if token is None:
        token = drawn()
        if sys.stderr is not None:
            sys.stderr.write(f"spprof: profiles are served {where}heap?token={token}\n")
        return token
    if not isinstance(token, str):
        raise TypeError(f"token must be a str or None, not {type(token).__name__}")
    return token


def apart(query: str) -> tuple[str, str]:
    """The token in a query, "" without one, and the query without it. The last one counts."""
    found, kept = "", []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquoted(name) == "token":
            found = unquoted(value)
        else:
            kept.append(part)
    return found, "&".join(kept)


def of_header(authorization: str) -> str:
    """The token in the header Authorization; "" without one."""
    is_bearer = authorization[: len(_BEARER)].lower() == _BEARER
    return authorization[len(_BEARER) :].strip() if is_bearer else ""


def is_right(wanted: str, *given: str) -> bool:
    """Whether one of those given is the token. It takes as long wherever they differ."""
    expected = wanted.encode("utf-8", "surrogatepass")
    found = [_compare_digest(expected, one.encode("utf-8", "surrogatepass")) for one in given]
    return True in found
