"""One profile of a kind at a time: who makes it claims it, and others are told to come again.

Fork: a child has no claims, since nobody has asked it for anything.
"""

from __future__ import annotations

import os
from math import ceil
from time import monotonic

from spprof import _engine
from spprof.http.answers import RefusalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_CLAIMS: Final = "claims of requests"


class Claim:
    """That a request makes the profile of a kind."""

    def __init__(self, kind: str, seconds: float) -> None:
        """``seconds``: how long it will take. RefusalError: another one makes it."""
        self._kind = kind
        self._until = monotonic() + seconds
        first = _claims().setdefault(kind, self)
        if first is not self:
            rest = max(ceil(first._until - monotonic()), 1)
            raise RefusalError(
                429,
                f"{kind} is being made for another request; try again in {rest} s",
                ("Retry-After", str(rest)),
            )

    def release(self) -> None:
        """It is made, or will not be. Nothing happens the second time."""
        claims = _claims()
        if claims.get(self._kind) is self:
            claims.pop(self._kind, None)


def _claims() -> dict[str, Claim]:
    """By kind. They outlive this module where the program imports the package anew."""
    found: dict[str, Claim] | None = _engine.kept().get(_CLAIMS)
    if found is not None:
        return found
    made: dict[str, Claim] = {}
    found = _engine.kept().setdefault(_CLAIMS, made)
    if found is made:
        os.register_at_fork(after_in_child=made.clear)
    return found
