"""What the kernel tells of another process that is to be attached to."""

from __future__ import annotations

import os

from spprof.process.numbers import lines_of
from spprof.records import NamedTuple, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class OtherProcess(NamedTuple):
    """A process, by its id here."""

    pid: int

    @property
    def exists(self) -> bool:
        """Whether it is there, and has not ended yet."""
        return self._status().get("State", "Z")[0] not in "ZX"

    @property
    def user(self) -> int:
        """The id of the user that it acts for; -1: it is gone."""
        return int(self._status().get("Uid", "-1 -1").split()[1])

    @property
    def group(self) -> int:
        return int(self._status().get("Gid", "-1 -1").split()[1])

    @property
    def program(self) -> str:
        """The path of what it executes; "": it is not told."""
        with suppress(OSError):
            return os.readlink(f"/proc/{self.pid}/exe")
        return ""

    @property
    def minor_version(self) -> int | None:
        """Of its Python 3, by what it has mapped; None: it has none, or that is not told."""
        found = {minor for path in self._mapped() for minor in [_minor_in(path)] if minor}
        return max(found) if found else None

    @property
    def is_readable(self) -> bool:
        """Whether this process may look into it."""
        with suppress(OSError), open(f"/proc/{self.pid}/maps", "rb") as file:
            return bool(file.read(1))
        return False

    def sees(self, path: str) -> bool:
        """Whether that is the same file for it: not in another mount namespace, as of a container, or root folder.
        OSError: this process may not know."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.path.samefile(f"/proc/{self.pid}/root{path}", path)
        return False

    def variables(self) -> dict[str, str]:
        """Its environment as it was started; {}: it is not told."""
        with suppress(OSError), open(f"/proc/{self.pid}/environ", "rb") as file:
            words = file.read().decode("utf-8", "surrogateescape").split("\0")
            return dict(word.partition("=")[::2] for word in words if word)
        return {}

    def words(self) -> list[str]:
        """Its command line."""
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
    """3.14 in /usr/bin/python3.14, …/libpython3.14.so.1.0 and …/x.cpython-314-x86_64-linux-gnu.so; 0: none."""
    name = os.path.basename(path).removesuffix(" (deleted)")
    for beginning in ("python3.", "libpython3."):
        if name.startswith(beginning):
            digits = name.removeprefix(beginning).partition(".")[0].rstrip("dt-")
            return int(digits) if digits.isdecimal() else 0
    tag = name.partition(".cpython-3")[2].partition("-")[0]
    return int(tag) if tag.isdecimal() else 0
