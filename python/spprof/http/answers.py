"""The results of a request: an answer, a later step, or a refusal."""

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
    """An answer to be sent."""

    status: int
    content_type: str
    body: bytes
    file_name: str = ""
    """Name under which a browser saves the body; "": the browser shows it."""
    headers: tuple[tuple[str, str], ...] = ()
    """Additional headers that the status requires."""


def _nothing() -> None:
    pass


class Later(NamedTuple):
    """There is more to do after ``seconds``. Then call either ``then``, and again each time it gives way to a fork, or
    ``abandon``.
    """

    seconds: float
    then: Callable[[], Step]
    abandon: Callable[[], None] = _nothing
    """Called if the client is no longer waiting for the answer. Never raises. If neither this nor ``then`` is called,
    garbage collection cleans up.
    """


class RefusalError(Exception):
    """A request that is refused, with the reason."""

    def __init__(self, status: int, words: str, *headers: tuple[str, str]) -> None:
        super().__init__(words)
        self.answer = text(status, words, *headers)


def text(status: int, words: str, *headers: tuple[str, str]) -> Answer:
    """Return an answer with one line of text."""
    return Answer(status, TEXT, f"{words}\n".encode("utf-8", "backslashreplace"), "", headers)
