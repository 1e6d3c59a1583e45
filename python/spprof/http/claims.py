"""Claims, which admit only one profile of each kind at a time. Other requests are told to try again later.

Fork: a child has no claims, since it has received no requests.
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
    """A request's claim to make a profile of one kind."""

    def __init__(self, kind: str, seconds: float) -> None:
        """``seconds``: how long the profile will take. RefusalError: another request is making one."""
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
        """Release the claim: the profile is complete or was abandoned. Releasing it again has no effect."""
        claims = _claims()
        if claims.get(self._kind) is self:
            claims.pop(self._kind, None)


def _claims() -> dict[str, Claim]:
    """The claims, keyed by kind. They survive even if the program imports the package again."""
    found: dict[str, Claim] | None = _engine.kept().get(_CLAIMS)
    if found is not None:
        return found
    made: dict[str, Claim] = {}
    found = _engine.kept().setdefault(_CLAIMS, made)
    if found is made:
        os.register_at_fork(after_in_child=made.clear)
    return found
