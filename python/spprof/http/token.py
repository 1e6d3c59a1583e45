"""The token that a request must contain if users other than the one running the program can send requests."""

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
    """Return a new token: 128 random bits, in characters that need no quoting in an address."""
    return os.urandom(_RANDOM_BYTES).hex()


def chosen(token: str | None, where: str) -> str:
    """Return the required token; "": none. If it is None, generate one and print it once to stderr.

    ``where``: describes the address, up to the name of the path. TypeError: the token is not a str.
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
    """Return the token in a query ("" without one) and the query without it. The last token counts."""
    found, kept = "", []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquoted(name) == "token":
            found = unquoted(value)
        else:
            kept.append(part)
    return found, "&".join(kept)


def of_header(authorization: str) -> str:
    """Return the token in the header Authorization; "" without one."""
    is_bearer = authorization[: len(_BEARER)].lower() == _BEARER
    return authorization[len(_BEARER) :].strip() if is_bearer else ""


def is_right(wanted: str, *given: str) -> bool:
    """Return whether one of the given texts is the token. The time that the comparison takes does not depend on where
    they differ.
    """
    expected = wanted.encode("utf-8", "surrogatepass")
    found = [_compare_digest(expected, one.encode("utf-8", "surrogatepass")) for one in given]
    return True in found
