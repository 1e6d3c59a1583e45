"""The folder of the Unix sockets on which this user's processes are asked.

    $XDG_RUNTIME_DIR/spprof/1234.sock        where the session has such a folder
    /tmp/spprof-1000/1234.sock               where it has none, as services do

A folder is used only if it is a real one, this user's, and closed to all others: in /tmp anybody may have made it.
"""

from __future__ import annotations

import os
import stat

from spprof.records import suppress

PRIVATE = 0o700
SUFFIX = ".sock"
_SHARED = "/tmp"


class FolderError(Exception):
    """There is no folder to use. The message is a sentence with the remedy."""


def folders() -> list[str]:
    """Where sockets may be, the preferred one first, whether they exist or not."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    found = [os.path.join(own, "spprof")] if os.path.isabs(own) and os.path.isdir(own) else []
    return [*found, os.path.join(_SHARED, f"spprof-{os.geteuid()}")]


def fault_of(folder: str) -> str:
    """Why a folder must not be used; "": it may be. OSError: there is none."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a folder"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    if stat.S_IMODE(status.st_mode) & 0o077:
        return "other users can access it"
    return ""


def made() -> str:
    """The first folder that can be used, made if it is missing. FolderError: there is none."""
    why = ""
    for folder in folders():
        try:
            with suppress(FileExistsError):
                os.mkdir(folder, PRIVATE)
            fault = fault_of(folder)
        except OSError as error:
            fault = error.strerror or str(error)
        if not fault:
            return folder
        why = f"{folder} cannot be used: {fault}"
    raise FolderError(f"{why}; set XDG_RUNTIME_DIR to another folder, or pass listen() an address")
