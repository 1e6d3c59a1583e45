"""What a path answers: an answer, one that comes later, or a refusal."""

from __future__ import annotations

from spprof.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    Step = Union["Answer", "Later"]

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BINARY = "application/octet-stream"


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    content_type: str
    body: bytes
    file_name: str = ""
    """Under which a browser saves it; "": it shows it."""
    headers: tuple[tuple[str, str], ...] = ()
    """More of them: what else this status needs."""


def _nothing() -> None:
    pass


class Later(NamedTuple):
    """There is more to do after a time. One of the two is to be called, ``then`` as often as it gives way to a fork."""

    seconds: float
    then: Callable[[], Step]
    abandon: Callable[[], None] = _nothing
    """Nobody waits for it any more. It never raises; what is not called is done when this is collected."""


class RefusalError(Exception):
    """A request that gets no profile, with the reason."""

    def __init__(self, status: int, words: str, *headers: tuple[str, str]) -> None:
        super().__init__(words)
        self.answer = text(status, words, *headers)


def text(status: int, words: str, *headers: tuple[str, str]) -> Answer:
    """One line of text."""
    return Answer(status, TEXT, f"{words}\n".encode("utf-8", "backslashreplace"), "", headers)
