"""What the kernel reports about another process: the target of ``spprof attach``, or one that does not answer."""

from __future__ import annotations

import os

from spprof.process.numbers import lines_of
from spprof.records import NamedTuple, suppress
from spprof.supported import is_macos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    from spprof.process.other_process_macos import MacProcess

    AnyProcess = Union["OtherProcess", MacProcess]


def process_of(pid: int) -> AnyProcess:
    """Return that process as this system reports it."""
    if is_macos():
        from spprof.process.other_process_macos import MacProcess

        return MacProcess(pid)
    return OtherProcess(pid)


def is_there(pid: int) -> bool:
    """Return whether a process has that id, if only one that has ended and that its parent has not waited for."""
    if pid <= 0:  # means a group of processes
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


class OtherProcess(NamedTuple):
    """A process, identified by its pid in this process's pid namespace."""

    pid: int

    @property
    def exists(self) -> bool:
        """True if the process exists and has not ended."""
        return self._status().get("State", "Z")[0] not in "ZX"

    @property
    def user(self) -> int:
        """The effective user id; -1: the process is gone."""
        return int(self._status().get("Uid", "-1 -1").split()[1])

    @property
    def group(self) -> int:
        return int(self._status().get("Gid", "-1 -1").split()[1])

    @property
    def program(self) -> str:
        """The path of its executable; "": unknown."""
        with suppress(OSError):
            return os.readlink(f"/proc/{self.pid}/exe")
        return ""

    @property
    def minor_version(self) -> int | None:
        """The minor version of its Python 3, from the names of mapped files; None: no Python, or unknown."""
        found = {minor for path in self._mapped() for minor in [_minor_in(path)] if minor}
        return max(found) if found else None

    @property
    def is_readable(self) -> bool:
        """True if this process may inspect it."""
        with suppress(OSError), open(f"/proc/{self.pid}/maps", "rb") as file:
            return bool(file.read(1))
        return False

    def sees(self, path: str) -> bool:
        """Return whether ``path`` refers to the same file in that process. It does not if the process is in another
        mount namespace, such as a container's, or has another root folder. OSError: this process is not permitted to
        find out.
        """
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.path.samefile(f"/proc/{self.pid}/root{path}", path)
        return False

    def variables(self) -> dict[str, str]:
        """Return the environment with which it was started; {}: unknown."""
        with suppress(OSError), open(f"/proc/{self.pid}/environ", "rb") as file:
            words = file.read().decode("utf-8", "surrogateescape").split("\0")
            return dict(word.partition("=")[::2] for word in words if word)
        return {}

    def words(self) -> list[str]:
        """Return its command line."""
        with suppress(OSError), open(f"/proc/{self.pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
        return []

    def _status(self) -> dict[str, str]:
        told = (line.partition(":") for line in lines_of(f"/proc/{self.pid}/status"))
        return {name: value.strip() for name, _, value in told}

    def _mapped(self) -> Iterator[str]:
        yield self.program
        for line in lines_of(f"/proc/{self.pid}/maps"):
            fields = line.split(None, 5)
            if len(fields) == 6:
                yield fields[5]


def _minor_in(path: str) -> int:
    """Return 14 for /usr/bin/python3.14, …/libpython3.14.so.1.0 and …/x.cpython-314-x86_64-linux-gnu.so, and 0 if the
    path names no version.
    """
    name = os.path.basename(path).removesuffix(" (deleted)")
    for beginning in ("python3.", "libpython3."):
        if name.startswith(beginning):
            digits = name.removeprefix(beginning).partition(".")[0].rstrip("dt-")
            return int(digits) if digits.isdecimal() else 0
    tag = name.partition(".cpython-3")[2].partition("-")[0]
    return int(tag) if tag.isdecimal() else 0
