"""``spprof.listen()``: a Unix socket or a TCP port at which the running program can be queried.

    client ──► the server's thread, in C ──────┬─► /stats, /stacks: answered without the GIL
                                               └─► a request ───► the background thread ──► endpoints ──► the answer

Fork: neither thread exists while Python forks. A child does not listen until it calls ``listen()`` itself.
"""

from __future__ import annotations

import atexit
import errno
import os
import sys

from spprof import _engine, supported
from spprof.http import endpoints, state_paths
from spprof.http.answers import TEXT, Answer, Later
from spprof.process import socket_folder
from spprof.records import suppress
from spprof.serve import background
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Final

_INFINITE: Final = float("inf")
_TOKEN_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")
_RANDOM_BYTES: Final = 16
_NOTHING: Final = Answer(200, TEXT, b"")
_PATH_BYTES: Final = {False: 107, True: 103}
"""Maximum length of a Unix socket's path, by whether the system is macOS."""
_NUMBERED: Final = 10
"""Maximum number of sockets for one process id. Containers that share a folder may use equal process ids."""


class Listener:
    """A socket on which this process is listening, as returned by ``spprof.listen()``. It ends with ``close()``, with
    its ``with`` block, with the process, and in a forked child.
    """

    def __init__(self, number: int, address: str, token: str | None) -> None:
        self._number = number
        self._address = address
        self._token = token
        self._process = os.getpid()

    @property
    def address(self) -> str:
        """``host:port``, or the path of the Unix socket."""
        return self._address

    @property
    def token(self) -> str | None:
        """The token that clients of a port must send; None for a Unix socket, which answers only its owner."""
        return self._token

    def close(self) -> None:
        """Stop listening there. Pending requests are still answered. Has no effect if closed, or in a forked child."""
        number, self._number = self._number, 0
        state = _state()
        with suppress(ValueError):
            state.listeners.remove(self)
        if number and os.getpid() == self._process:
            _engine.server_close(number)
            if not state.listeners and state.job is not None:
                background.remove(state.job)
                state.job = None

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Listener: {visible(self._address)}{'' if self._number else ', closed'}>"


class _State:
    """The process's state. It survives even if the program imports the package again."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.job: background.Job | None = None
        self.process = os.getpid()
        self.forks = 0
        self.is_hooked = False


_no_state = _State()


def _state() -> _State:
    """Return this process's state, without anything that was inherited from its parent."""
    found: _State = _engine.kept().setdefault("listeners", _no_state)
    if found.process != os.getpid():
        found.process = os.getpid()
        found.forks = 0
        found.listeners.clear()
        found.job = None
    return found


def listen(address: str | os.PathLike[str] | None = None, *, token: str | None = None) -> Listener:
    """Listen for requests about this process, on a thread created in C that sleeps until a client connects.

    ``address``: None is a Unix socket in this user's runtime folder, where ``spprof ps``, ``top`` and the other verbs
    find the process; a string with a slash in it, or a path, is a Unix socket of that name; ``"127.0.0.1:6060"`` is a
    TCP port, with 0 for any free one. ``token``: the token that clients of a port must send, 16 to 128 letters, digits,
    ``.``, ``_``, ``~`` or ``-``; None: a random token is generated and printed to stderr. Unix sockets answer only this
    user and root, and accept no token.

    ValueError: the address or the token is invalid. OSError: the address is in use, or cannot be used. RuntimeError:
    there is no thread, no private folder, this is a subinterpreter, or nothing may start on this system.
    """
    supported.check_start()
    if not _engine.is_main_interpreter():
        raise RuntimeError("spprof.listen() can only be called in the main interpreter")
    state = _state()
    if address is None:
        _without_token(token)
        return _first(state, lambda one: one.token is None and _is_default(one)) or _listen_by_pid(state)
    text = os.fspath(address)
    if not isinstance(text, str):
        raise TypeError(f"the address must be a str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError("the address contains a NUL character")
    if os.sep in text or not isinstance(address, str):
        _without_token(token)
        return _begin(state, os.path.abspath(text), None)
    return _listen_at_port(state, text, token)


def _without_token(token: str | None) -> None:
    if token is not None:
        raise ValueError("a Unix socket takes no token: it only answers its owner")


def _first(state: _State, is_meant: Callable[[Listener], bool]) -> Listener | None:
    return next((one for one in state.listeners if is_meant(one)), None)


def _is_default(one: Listener) -> bool:
    return os.path.dirname(one.address) in socket_folder.folders()


def _listen_by_pid(state: _State) -> Listener:
    try:
        folder = socket_folder.made()
    except socket_folder.FolderError as error:
        raise RuntimeError(str(error)) from None
    for number in range(1, _NUMBERED + 1):
        name = (
            f"{os.getpid()}{socket_folder.SUFFIX}" if number == 1 else f"{os.getpid()}-{number}{socket_folder.SUFFIX}"
        )
        try:
            return _begin(state, os.path.join(folder, name), None)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or number == _NUMBERED:
                raise
    raise AssertionError("the last one returns or raises")


def _listen_at_port(state: _State, text: str, token: str | None) -> Listener:
    is_drawn = token is None
    if token is None:
        token = os.urandom(_RANDOM_BYTES).hex()
    elif not (16 <= len(token) <= 128 and _TOKEN_CHARACTERS.issuperset(token)):
        raise ValueError("a token must consist of 16 to 128 letters, digits, '.', '_', '~' or '-'")
    listener = _begin(state, text, token)
    if is_drawn and sys.stderr is not None:
        with suppress(Exception):
            sys.stderr.write(f"spprof: listening at http://{_host(listener.address)}/?token={token}\n")
            sys.stderr.flush()
    return listener


def _host(address: str) -> str:
    """Return an address that a browser on this machine can open."""
    host, _, port = address.rpartition(":")
    return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"


def _begin(state: _State, place: str, token: str | None) -> Listener:
    _hook(state)
    state_paths.prepare()
    try:
        number, bound = _engine.server_listen(os.fsencode(place), token)
    except OSError as error:
        raise _told(error, place, is_port=token is not None) from None
    listener = Listener(number, bound or place, token)
    state.listeners.append(listener)
    if state.job is None:
        state.job = background.add(_hear, _INFINITE, is_wanted=_engine.server_is_asked, is_paced=False)
    if state.job is None:
        listener.close()
        raise RuntimeError("cannot start a thread to answer requests; raise the thread limit (ulimit -u)")
    return listener


def _told(error: OSError, place: str, *, is_port: bool) -> Exception:
    if error.errno == errno.EAGAIN:
        return RuntimeError("cannot start a thread to listen; raise the thread limit (ulimit -u)")
    if error.errno == errno.EMFILE:
        return RuntimeError(
            "this process is already listening on the maximum number of addresses, or has no file "
            "descriptors left; close one"
        )
    if error.errno == errno.EINVAL and is_port:
        return ValueError(
            f"{visible(place)} is not an address; use a numeric one with a port, such as 127.0.0.1:6060 or [::1]:6060, "
            "or the path of a Unix socket, with a slash in it"
        )
    remedies = {
        errno.EADDRINUSE: "the port is in use; choose another, or 0 for any free port"
        if is_port
        else "it already exists; choose another path, or remove it",
        errno.ENAMETOOLONG: f"a socket's path can be at most {_PATH_BYTES[supported.is_macos()]} bytes long; choose "
        "a shorter one",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.ENOENT: "its folder does not exist",
        errno.EACCES: "this user may not listen there; choose a port above 1023" if is_port else "permission denied",
    }
    return OSError(error.errno, remedies.get(error.errno or 0, os.strerror(error.errno or 0)), place)


# ---- Requests


def _hear() -> float:
    """Create a job for each request. Runs on the background thread."""
    while True:
        asked = _engine.server_take()
        if asked is None:
            return _INFINITE
        question = _Question(*asked)
        if background.add(question.work, is_wanted=question.is_unwanted, is_paced=False) is None:
            question.fail("cannot start a thread to answer requests")


class _Question:
    """A request that is being answered, in one or more steps."""

    def __init__(self, number: int, method: str, path: str, query: str) -> None:
        self._number = number
        self._step: Callable[[], Answer | Later] = lambda: endpoints.answer(method, path, query)
        self._later: Later | None = None

    def is_unwanted(self) -> bool:
        return not _engine.server_is_wanted(self._number)

    def work(self) -> float | None:
        if self.is_unwanted():
            if self._later is not None:
                self._later.abandon()
            self._send(_NOTHING)
            return None
        try:
            found = self._step()
        except MemoryError:
            raise  # this is called again
        except Exception as error:
            self.fail(f"the response could not be generated: {type(error).__name__}")
            return None
        if isinstance(found, Later):
            self._later = found
            self._step = found.then
            return found.seconds
        self._send(found)
        return None

    def _send(self, answer: Answer) -> None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        _engine.server_answer(self._number, answer.status, answer.content_type, answer.file_name, fields, answer.body)

    def fail(self, sentence: str) -> None:
        self._send(Answer(500, TEXT, f"{sentence}\n".encode()))


# ---- Forks and shutdown


def _hook(state: _State) -> None:
    if not state.is_hooked:
        state.is_hooked = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork)
        atexit.register(close_all)


def _before_fork() -> None:
    state = _state()
    state.forks += 1
    _engine.server_pause()  # requests may be pending even if no listener is left


def _after_fork() -> None:
    state = _state()
    state.forks -= 1
    if not state.forks:
        _engine.server_go_on()


def count() -> int:
    """Return the number of sockets on which this process is listening."""
    return len(_state().listeners)


def close_all() -> None:
    """Close every listener when the process ends."""
    for one in list(_state().listeners):
        one.close()
