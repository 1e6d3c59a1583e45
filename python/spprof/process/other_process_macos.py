"""What macOS reports about another process: ``other_process.OtherProcess`` on that system.

    libproc ─► is it running, its user, its program        sysctl ─► its words and its environment (own processes, root)

Both are functions of libSystem, called through ctypes. A program that is being profiled does not import this module
before its end.
"""

from __future__ import annotations

import ctypes
import os
import struct

from spprof.records import NamedTuple, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# ---- The system's functions. Sizes and numbers are those of <sys/proc_info.h>, <sys/sysctl.h>.

_SHORT_INFO = 13
"""PROC_PIDT_SHORTBSDINFO, which every user may ask for."""
_SHORT = struct.Struct("=4I16s8I")
"""Process, parent, group, state, name, flags, effective user and group, and four more users and groups, reserved."""
_USER, _GROUP = 6, 7
_PATH_BYTES = 4096
_WORDS_OF_PROCESS = (1, 49)
"""CTL_KERN, KERN_PROCARGS2."""
_WORDS_BYTES = 1 << 20
"""Maximum size of a process's words and environment."""


def _short_info(pid: int) -> bytes:
    found = ctypes.create_string_buffer(_SHORT.size)
    count = _function("proc_pidinfo")(
        ctypes.c_int(pid), ctypes.c_int(_SHORT_INFO), ctypes.c_uint64(0), found, ctypes.c_int(_SHORT.size)
    )
    return found.raw[: max(count, 0)]


def _program(pid: int) -> bytes:
    found = ctypes.create_string_buffer(_PATH_BYTES)
    count = _function("proc_pidpath")(ctypes.c_int(pid), found, ctypes.c_uint32(_PATH_BYTES))
    return found.raw[: max(count, 0)]


def _words(pid: int) -> bytes:
    names = (ctypes.c_int * 3)(*_WORDS_OF_PROCESS, pid)
    found, size = ctypes.create_string_buffer(_WORDS_BYTES), ctypes.c_size_t(_WORDS_BYTES)
    status = _function("sysctl")(names, ctypes.c_uint(3), found, ctypes.byref(size), None, ctypes.c_size_t(0))
    return found.raw[: size.value] if status == 0 else b""


def _function(name: str) -> Callable[..., int]:
    function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    return function


# ---- A process


class MacProcess(NamedTuple):
    """A process, identified by its pid. The properties and methods are those of ``other_process.OtherProcess``."""

    pid: int

    @property
    def exists(self) -> bool:
        return is_running(self.pid)

    @property
    def user(self) -> int:
        return _number_in(_short_info(self.pid), _USER)

    @property
    def group(self) -> int:
        return _number_in(_short_info(self.pid), _GROUP)

    @property
    def program(self) -> str:
        return _program(self.pid).decode("utf-8", "surrogateescape")

    @property
    def minor_version(self) -> int | None:
        """The minor version of its Python 3, from the path of its program; None: no Python, or unknown."""
        return minor_in(self.program) or None

    @property
    def is_readable(self) -> bool:
        """True if it exists. macOS tells only by an attempt whether its memory may be accessed."""
        return self.exists

    def sees(self, path: str) -> bool:
        """Return whether ``path`` exists, since all processes share a file system."""
        return os.path.lexists(path)

    def variables(self) -> dict[str, str]:
        found = _parsed(_words(self.pid))[1]
        return dict(word.partition("=")[::2] for word in found)

    def words(self) -> list[str]:
        return _parsed(_words(self.pid))[0]


def is_running(pid: int) -> bool:
    """Return whether the process exists and has not ended. Processes that have ended have no such information."""
    return len(_short_info(pid)) == _SHORT.size


def _number_in(info: bytes, field: int) -> int:
    """Return a user or group id; -1: the process is gone."""
    return int(_SHORT.unpack(info)[field]) if len(info) == _SHORT.size else -1


def minor_in(path: str) -> int:
    """Return 14 for …/bin/python3.14 and for …/Python.framework/Versions/3.14/…/MacOS/Python, and 0 if the path names
    no version.
    """
    name = os.path.basename(path)
    told = path.partition("/Python.framework/Versions/3.")[2] if name == "Python" else name.partition("python3.")[2]
    digits = told.partition("/")[0].rstrip("dt")
    return int(digits) if digits.isdecimal() else 0


def _parsed(found: bytes) -> tuple[list[str], list[str]]:
    """Return the words and the environment: how many words there are, the program's path, padding, the words, the
    environment, an empty string, and more that the system adds.
    """
    with suppress(struct.error):
        (count,) = struct.unpack_from("=i", found)
        rest = found[struct.calcsize("=i") :].partition(b"\0")[2].lstrip(b"\0")
        texts = [text.decode("utf-8", "surrogateescape") for text in rest.split(b"\0")]
        behind = texts[count:]
        return texts[:count], behind[: behind.index("")] if "" in behind else behind
    return [], []
