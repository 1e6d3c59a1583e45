"""``spprof attach PID``: starts the heap profiler and a socket in a running program, with ``sys.remote_exec``."""

from __future__ import annotations

import http.client
import os
import pwd
import socket
import sys
import time
from typing import TYPE_CHECKING

from spprof import supported
from spprof.cli import values
from spprof.cli.arguments import refusal
from spprof.cli.attach_script import NotReachedError, Talk
from spprof.cli.outputs import output_of
from spprof.cli.terminal import say
from spprof.formats.atomic_file import write_file
from spprof.pprof.profile import ProfileError
from spprof.process.other_process import process_of
from spprof.text import visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    from spprof.process.other_process import AnyProcess

EXAMPLES = (
    ("spprof attach 4711", "starts profiling process 4711; spprof top 4711 and other verbs can then query it"),
    ("spprof attach 4711 --rate-kb 64", "takes eight times as many samples, at eight times the cost"),
    (
        "spprof attach 4711 --for 60 -o now.pb.gz",
        "profiles for a minute, writes the file, and leaves the program as it was",
    ),
)

_LEAST_MINOR = 14
_REACHED_WITHIN = 10.0
"""Number of seconds within which the main thread must run Python code."""
_HEAP = "/debug/pprof/heap"
_REQUEST_SECONDS = 60.0
_CLOSED_WITHIN = 5.0
_ASKED_AGAIN_WITHIN = 10.0
_LOOKED_EVERY = 0.02
_SWITCHED_OFF = "PYTHON_DISABLE_REMOTE_DEBUG"


class _AttachError(Exception):
    """Attaching failed. The message is a sentence with the remedy."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=_pid, help="the process to attach to")
    parser.add_argument(
        "--for",
        dest="duration",
        type=values.for_argparse(values.seconds),
        default=0.0,
        metavar="SECONDS",
        help="profile for SECONDS, write FILE, and leave the program as it was",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="with --for: output file (default: spprof-<program>.<pid>.pb.gz)"
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite FILE if it exists")
    parser.add_argument(
        "--rate-kb",
        type=values.for_argparse(values.rate),
        default=values.RATE_KB,
        metavar="N",
        help=f"mean KiB between samples (default: {values.RATE_KB}); ignored if the process is already being profiled",
    )
    parser.set_defaults(parser=parser)


def main(arguments: argparse.Namespace) -> int:
    if arguments.output and not arguments.duration:
        arguments.parser.error("-o needs --for SECONDS; without --for, write a file later: spprof snapshot PID -o FILE")
    if supported.refusal():
        raise ProfileError(supported.refusal())
    process = process_of(arguments.pid)
    try:
        _check(process)
        if arguments.output:
            _check_output(arguments.output, arguments.force)
        _attach(process, arguments)
    except _AttachError as error:
        raise ProfileError(f"process {process.pid}: {error}") from None
    return 0


def _attach(process: AnyProcess, arguments: argparse.Namespace) -> None:
    talk = Talk(process.pid, process.user, process.group)
    is_left = False
    try:
        talk.write_script(_REACHED_WITHIN, arguments.rate_kb, arguments.duration)
        _send(process, talk)
        try:
            answer = talk.answer(_REACHED_WITHIN)
        except NotReachedError:
            is_left = process.exists  # CPython would report a missing script on the program's stderr
            raise _AttachError(_not_reached(process)) from None
        if "error" in answer:
            raise _AttachError(str(answer["error"]))
        if arguments.duration:
            _fetch(process, talk, answer, arguments)
        else:
            _tell(process, answer)
    finally:
        talk.close(is_left=is_left)


# ---- Checks before attaching


def _check(process: AnyProcess) -> None:
    if not process.exists:
        raise _AttachError("no such process")
    if process.pid == os.getpid():
        raise _AttachError("this is the spprof command itself")
    if os.geteuid() not in (0, process.user):
        name = _name_of(process.user)
        raise _AttachError(f"it belongs to {name}; attach as that user or as root (sudo -u {name} spprof attach …)")
    if not process.is_readable:
        raise _AttachError("this user may not inspect it (ptrace); attach as root or with CAP_SYS_PTRACE")
    _check_version(process)
    is_off = process.variables().get(_SWITCHED_OFF) or "disable-remote-debug" in " ".join(process.words())
    if is_off:
        raise _AttachError(_remote_debugging_is_off())


def _check_version(process: AnyProcess) -> None:
    minor = process.minor_version
    if minor is None:
        raise _AttachError(
            f"it is not running a Python that spprof recognizes ({visible(os.path.basename(process.program)) or '?'})"
        )
    if minor < _LEAST_MINOR:
        raise _AttachError(
            f"it runs Python 3.{minor}, but attaching needs 3.{_LEAST_MINOR} or later; start it with SPPROF=listen in "
            "its environment instead"
        )
    if minor != sys.version_info[1]:
        raise _AttachError(
            f"it runs Python 3.{minor}, but this is Python 3.{sys.version_info[1]}; install spprof for its Python and "
            f"attach with that ({visible(process.program)} -m spprof attach {process.pid})"
        )


def _check_output(path: str, force: bool) -> None:
    reason = refusal(path, force)
    if reason:
        raise ProfileError(reason)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _remote_debugging_is_off() -> str:
    return (
        f"its Python was started with {_SWITCHED_OFF} or -X disable-remote-debug, or built without remote debugging; "
        "start it with SPPROF=listen in its environment instead"
    )


# ---- Reaching the process


def _send(process: AnyProcess, talk: Talk) -> None:
    try:
        is_seen = process.sees(talk.script)
    except PermissionError:
        raise _AttachError(_no_right()) from None
    if not is_seen:
        raise _AttachError(
            "it sees a different file system, as in a container; run spprof inside the container (docker exec, "
            "kubectl exec, nsenter -a)"
        )
    remote_exec: Callable[[int, str], None] = sys.remote_exec  # type: ignore[attr-defined]
    try:
        remote_exec(process.pid, talk.script)
    except PermissionError:
        raise _AttachError(_no_right()) from None
    except (RuntimeError, OSError, ValueError) as error:
        if not process.exists:
            raise _AttachError("it has ended") from None
        if "not enabled" in str(error):
            raise _AttachError(_remote_debugging_is_off()) from None
        raise _AttachError(f"Python cannot reach it: {error}") from None


def _no_right() -> str:
    if supported.is_macos():
        return "macOS lets only root reach it; attach as root (sudo spprof attach …)"
    return (
        "this user may not write to its memory (ptrace); attach as root or with CAP_SYS_PTRACE, or permit it with "
        "kernel.yama.ptrace_scope=0 (for a user's own processes) or docker run --cap-add SYS_PTRACE (in a container)"
    )


def _not_reached(process: AnyProcess) -> str:
    if not process.exists:
        return "it has ended"
    return (
        f"its main thread has run no Python for {_REACHED_WITHIN:.0f} seconds, so nothing was started: it is stopped, "
        "or is waiting in C for a lock, a child or a socket; try again when it is busy, or start it with "
        f"SPPROF=listen, so that spprof dump {process.pid} shows where it is waiting"
    )


# ---- After the process was reached


def _tell(process: AnyProcess, answer: dict[str, Any]) -> None:
    state = "is now being profiled" if answer["starts"] == "True" else "was already profiled"
    say(f"process {process.pid} ({visible(answer['title'])}) {state} and is listening at {visible(answer['address'])}")
    say(
        f"query it with spprof top {process.pid}, spprof snapshot {process.pid} -o FILE, spprof rss {process.pid} or "
        f"spprof dump {process.pid}"
    )


def _fetch(process: AnyProcess, talk: Talk, answer: dict[str, Any], arguments: argparse.Namespace) -> None:
    ends_at = time.monotonic() + arguments.duration
    while (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        if not process.exists:
            raise _AttachError(f"it ended before the {arguments.duration:g} seconds were over; no file was written")
    path = output_of(arguments.output, answer["title"], process.pid)
    _check_output(path, arguments.force)
    body = _asked(process, answer["address"])
    write_file(path, [body])
    talk.write("fetched", "")
    if answer["opens"] == "True":
        _wait_until_closed(answer["address"])
    say(f"wrote {visible(path)}; view it with: spprof table {visible(path)}")


def _asked(process: AnyProcess, address: str) -> bytes:
    """Return the snapshot. _AttachError: the program does not answer."""
    ends_at = time.monotonic() + _ASKED_AGAIN_WITHIN
    while True:
        try:
            status, body = _answer(address)
            break
        except (OSError, http.client.HTTPException) as error:
            if not process.exists:
                raise _AttachError("it has ended") from None
            if time.monotonic() > ends_at:
                raise _AttachError(f"it does not answer at {visible(address)}: {error}") from None
        time.sleep(_LOOKED_EVERY)
    if status != http.client.OK:
        raise _AttachError(f"it refused: {body.decode(errors='replace').strip()}")
    return body


def _answer(address: str) -> tuple[int, bytes]:
    """Try once. A program that is forking may drop the connection. OSError, HTTPException: there is no answer."""
    connection = http.client.HTTPConnection("localhost", timeout=_REQUEST_SECONDS)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_REQUEST_SECONDS)
        connection.sock.connect(address)
        connection.request("GET", _HEAP)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _wait_until_closed(address: str) -> None:
    """Wait briefly, because the program may be running another job first."""
    ends_at = time.monotonic() + _CLOSED_WITHIN
    while os.path.lexists(address) and time.monotonic() < ends_at:
        time.sleep(_LOOKED_EVERY)


def _pid(text: str) -> int:
    pid = int(text)
    if pid < 1:
        raise ValueError(text)
    return pid


_pid.__name__ = "process id"
