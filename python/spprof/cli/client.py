"""The client side of ``spprof.listen()``: queries another process of this user on its Unix socket.

    pid ─► <folder>/<pid>.sock ─► is it that process's own? ─► GET /stats, /stacks, /debug/pprof/heap ─► bytes

Every failure is a ``ProfileError``: one sentence with the remedy, which ``main`` prints.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import struct
import time
from typing import TYPE_CHECKING

from spprof import __version__
from spprof.analysis.moments import profile_alone
from spprof.pprof.file import read_bytes
from spprof.pprof.profile import ProfileError
from spprof.pprof.wire import WireError
from spprof.process import socket_folder
from spprof.process.other_process import is_there, process_of
from spprof.records import suppress
from spprof.supported import is_macos
from spprof.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from spprof.pprof.profile import Profile

QUICK_SECONDS = 5.0
"""Timeout for answers that do not need the GIL."""
HEAP_SECONDS = 60.0
"""Timeout for a snapshot, which the program itself makes when it can."""
_DEAD_SECONDS = 60.0
"""A socket without a listener is considered dead once it is this old. If it is younger, the listener may still be
starting.
"""
_CREDENTIALS = struct.Struct("iII")
_SOL_LOCAL, _LOCAL_PEERPID = 0, 2
"""Level and name of macOS's option for the process id of a connection's other end, which Python does not name."""
_PEER = struct.Struct("i")
_VERSION = re.compile(rb"python(\d)\.(\d+)")
_ATTACHES = (3, 14)
_HOW_TO_LISTEN = "start it with SPPROF=listen or spprof run --listen, or have it call spprof.listen()"


class SilenceError(ProfileError):
    """The process did not answer in time."""


class Door:
    """A socket at which a process may be listening."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def pid(self) -> int:
        """The process id in the socket's name."""
        name = os.path.basename(self.path)[: -len(socket_folder.SUFFIX)]
        return int(name.partition("-")[0])

    def connected(self, seconds: float) -> socket.socket:
        """Return a connection. OSError: there is no listener."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect(self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def get(self, path: str, seconds: float) -> bytes:
        """Return the process's answer. OSError: there is no listener. ProfileError: the process refuses, or does not
        answer in time.
        """
        return _answered(self.connected(seconds), self.pid, path)

    def tidy(self) -> None:
        """Remove the socket if it has no listener, unless it was created only recently."""
        with suppress(OSError):
            if time.time() - os.lstat(self.path).st_mtime < _DEAD_SECONDS:
                return
            try:
                self.connected(QUICK_SECONDS).close()
            except ConnectionRefusedError:
                os.unlink(self.path)


def doors() -> Iterator[Door]:
    """Yield every socket in this user's folders, by pid. Skip folders that other users can access."""
    found: list[Door] = []
    for folder in socket_folder.folders():
        try:
            if socket_folder.fault_of(folder):
                continue
            names = os.listdir(folder)
        except OSError:
            continue
        found += [Door(os.path.join(folder, name)) for name in names if _is_door(folder, name)]
    yield from sorted(found, key=lambda door: (door.pid, door.path))


def _is_door(folder: str, name: str) -> bool:
    stem = name[: -len(socket_folder.SUFFIX)] if name.endswith(socket_folder.SUFFIX) else ""
    pid, dash, number = stem.partition("-")
    if not (pid.isascii() and pid.isdigit()) or (dash and not (number.isascii() and number.isdigit())):
        return False
    try:
        return os.lstat(os.path.join(folder, name)).st_uid == os.geteuid()
    except OSError:
        return False


class Process:
    """A process that is listening."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.pid = door.pid

    def get(self, path: str, seconds: float | None = None) -> bytes:
        """Return the process's answer. ProfileError: the process has ended, refuses, or does not answer in time."""
        try:
            return self._door.get(path, QUICK_SECONDS if seconds is None else seconds)
        except OSError as error:
            raise _ended_or(self.pid, error) from None

    def state(self) -> dict[str, Any]:
        """Return the document at ``/stats``."""
        try:
            found = json.loads(self.get("/stats"))
        except ValueError:
            found = None
        if not isinstance(found, dict) or not str(found.get("schema", "")).startswith("spprof-state-"):
            raise ProfileError(
                f"process {self.pid} does not respond like spprof; check what is listening at {self._door.path}"
            )
        return found

    def heap(self) -> tuple[Profile, bytes]:
        """Return a snapshot of the process's heap, taken now: parsed, and as the bytes of a file."""
        data = self.get("/debug/pprof/heap", HEAP_SECONDS)
        try:
            return profile_alone(read_bytes(data)), data
        except (ProfileError, WireError) as error:
            raise ProfileError(f"process {self.pid} did not answer with a profile: {error}") from None

    def need_same_version(self) -> None:
        """Check the process's version of spprof. ProfileError: it differs from this one."""
        found = str(self.state().get("spprof"))
        if found != __version__:
            raise ProfileError(
                f"process {self.pid} has spprof {visible(found)}, but this is {__version__}; use the spprof installed "
                "in the environment that the process runs in"
            )


def process(pid: int) -> Process:
    """Return the listening process ``pid``. ProfileError: it cannot be queried; the message has the remedy."""
    for door in doors():
        if door.pid == pid and _is_of(door, pid):
            return Process(door)
    raise ProfileError(_why_not(pid))


def pid_of(word: str) -> int | None:
    """Return the process id that a word represents; None unless the word is a plain number that is not the name of a
    file.
    """
    is_number = word.isascii() and word.isdigit() and len(word) <= 10
    return int(word) if is_number and not os.path.lexists(word) else None


def _is_of(door: Door, pid: int) -> bool:
    """Return whether the process itself is listening there. An earlier process with its pid may have left the socket
    behind, or another container that shares the folder may have a process with the same pid.
    """
    try:
        with door.connected(QUICK_SECONDS) as connection:
            return _peer_of(connection) == pid
    except OSError:
        return False


def _peer_of(connection: socket.socket) -> int:
    """Return the id of the process that listens. OSError: it is unknown."""
    if is_macos():
        return int(_PEER.unpack(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, _PEER.size))[0])
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(told)[0])


def _answered(connection: socket.socket, pid: int, path: str) -> bytes:
    client = http.client.HTTPConnection("localhost")
    client.sock = connection
    try:
        client.request("GET", path, headers={"Connection": "close"})
        answer = client.getresponse()
        body = answer.read()
        is_whole = (answer.getheader("Content-Length") or "").isdecimal()
    except socket.timeout:
        raise SilenceError(
            f"process {pid} did not answer in time: it may be stopped or be holding the GIL; spprof dump {pid} "
            f"shows what its threads are doing"
        ) from None
    except (http.client.HTTPException, ConnectionError):
        is_whole = False
    finally:
        client.close()
    if not is_whole:
        raise ProfileError(
            f"process {pid} closed the connection before its answer was complete; it may have ended; try again"
        )
    if answer.status != http.client.OK:
        raise ProfileError(f"process {pid}: {visible(body.decode('utf-8', 'replace').strip())}")
    return body


# ---- Why a process cannot be queried


def _ended_or(pid: int, error: OSError) -> ProfileError:
    if not is_there(pid):
        return ProfileError(f"process {pid} has ended")
    return ProfileError(
        f"cannot query process {pid}: {error.strerror or error}; spprof ps lists the listening processes"
    )


def _why_not(pid: int) -> str:
    owner = _owner_of(pid)
    if owner is None:
        return f"there is no process {pid}; spprof ps lists the listening processes"
    if owner != os.geteuid():
        name = _user_name(owner)
        return f"process {pid} belongs to {name}; query it as that user: sudo -u {name} spprof …"
    version = _python_of(pid)
    if version is None:
        return f"process {pid} is not running Python; spprof ps lists the listening processes"
    attach = f"; or use spprof attach {pid}, since it runs Python 3.14 or later" if version >= _ATTACHES else ""
    return f"process {pid} is not listening: {_HOW_TO_LISTEN}{attach}"


def _owner_of(pid: int) -> int | None:
    """Return the user id of the process; None: there is no such process."""
    if is_macos():
        user = process_of(pid).user
        return None if user < 0 else user
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def _user_name(number: int) -> str:
    import pwd

    try:
        return visible(pwd.getpwuid(number).pw_name)
    except KeyError:
        return f"#{number}"  # sudo accepts this form


def _python_of(pid: int) -> tuple[int, int] | None:
    """Return the Python version, from the names of mapped files; (0, 0): unknown; None: the process is not running
    Python.
    """
    if is_macos():
        process = process_of(pid)
        minor = process.minor_version
        return (3, minor) if minor else (0, 0) if "python" in process.program.lower() else None
    found = None
    try:
        with open(f"/proc/{pid}/maps", "rb") as maps:
            for line in maps:
                name = os.path.basename(line.rstrip()).lower()
                told = _VERSION.search(name)
                if told:
                    return int(told[1]), int(told[2])
                found = (0, 0) if b"python" in name else found
    except OSError:
        return 0, 0
    return found
