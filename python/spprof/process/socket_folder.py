"""The folder of the Unix sockets through which this user's processes are queried.

    $XDG_RUNTIME_DIR/spprof/1234.sock        if the session has such a folder
    /tmp/spprof-1000/1234.sock               otherwise, as for services

A folder is used only if it is a real folder, belongs to this user and is closed to all other users, since anyone may
have created it in /tmp.
"""

from __future__ import annotations

import os
import stat

from spprof.records import suppress

PRIVATE = 0o700
SUFFIX = ".sock"
_SHARED = "/tmp"


class FolderError(Exception):
    """There is no usable folder. The message is a sentence with the remedy."""


def folders() -> list[str]:
    """Return the folders where sockets may be, the preferred one first, whether or not they exist."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    found = [os.path.join(own, "spprof")] if os.path.isabs(own) and os.path.isdir(own) else []
    return [*found, os.path.join(_SHARED, f"spprof-{os.geteuid()}")]


def fault_of(folder: str) -> str:
    """Return the reason why a folder must not be used; "": it may be used. OSError: it does not exist."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a folder"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    if stat.S_IMODE(status.st_mode) & 0o077:
        return "other users can access it"
    return ""


def made() -> str:
    """Return the first usable folder, which is created if missing. FolderError: there is none."""
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
