"""A file that appears either complete or not at all.

    chunks ─► folder/.name.<random>  (0600, O_EXCL, O_NOFOLLOW) ─► fsync ─► rename to folder/name ─► fsync folder

A failure before the rename removes the temporary file and leaves the previous file at the path. A symbolic link at the
path is replaced, not followed. Targets that cannot be replaced are written directly: FIFOs, devices, sockets and open
files of a process (/dev/stdout, /proc/self/fd/1).
"""

from __future__ import annotations

import errno
import os
import stat

from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedWriter
    from typing import NoReturn

_ASIDE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECT_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
_DESCRIPTORS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""Links to open files. Renaming over one would replace the link for the whole system."""

_NAME_BYTES_KEPT = 200
"""The temporary name is 18 bytes longer than the file's name, and file systems allow 255 bytes."""


def write_file(path: str, chunks: Iterable[bytes], *, sync: bool = True) -> None:
    """Write ``chunks`` to ``path``. A new file can be read and written only by its owner, whatever the permissions of
    the previous file.

    ``sync``: return only when the file is on disk, so that it survives a crash of the machine.

    OSError: the system's error, with the path and the remedy.
    """
    try:
        if is_written_directly(path):
            _write_and_close(os.open(path, _DIRECT_FLAGS), chunks, sync=False)
        else:
            _replace(path, chunks, sync)
    except OSError as error:
        _raise_with_remedy(error, path)


def is_written_directly(path: str) -> bool:
    """Return whether ``path`` is something that a rename must not replace."""
    if os.path.abspath(path).startswith(_DESCRIPTORS):
        return True
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: str, chunks: Iterable[bytes], sync: bool) -> None:
    folder, name = os.path.split(path)
    kept = os.fsdecode(os.fsencode(name)[:_NAME_BYTES_KEPT])
    aside = os.path.join(folder, f".{kept}.{os.urandom(8).hex()}")
    descriptor = os.open(aside, _ASIDE_FLAGS, 0o600)
    try:
        _write_and_close(descriptor, chunks, sync=sync)
        os.replace(aside, path)
    except BaseException:  # on an interrupt, too: the temporary file is ours to remove
        with suppress(OSError):
            os.unlink(aside)
        raise
    if sync:
        _sync_folder(folder or ".")


def _write_and_close(descriptor: int, chunks: Iterable[bytes], *, sync: bool) -> None:
    try:
        with _file_of(descriptor) as file:
            for chunk in chunks:
                file.write(chunk)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_of(descriptor: int) -> BufferedWriter:
    try:
        return open(descriptor, "wb", closefd=False)
    except RuntimeError as error:  # Python raises this if there is no memory for its lock
        raise MemoryError(str(error)) from None


def _sync_folder(folder: str) -> None:
    """Make the rename survive a crash of the machine. The file is complete either way, so ignore failures."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    with suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


_REMEDIES = {
    errno.ENOENT: "create the folder first, or pass another path",
    errno.ENOTDIR: "a part of the path is not a folder; pass another path",
    errno.EISDIR: "the path is a folder; add a file name",
    errno.EACCES: "choose a folder that this user may write to",
    errno.EPERM: "choose a folder that this user may write to",
    errno.EROFS: "the file system is read-only; pass a path on another one",
    errno.ENAMETOOLONG: "pass a shorter name",
    errno.EMFILE: "this process has no file descriptors left; close some, or raise its limit (ulimit -n)",
    errno.ENFILE: "the system has no file descriptors left; close files, or raise its limit (sysctl fs.file-max)",
    errno.EFBIG: "the file would be larger than this process may write; raise its limit (ulimit -f)",
    errno.ENOSPC: "free some space or pass another path",
    errno.EDQUOT: "this user's quota is used up; free some space or pass another path",
    errno.EIO: "the device failed; pass a path on another one",
}
"""The remedy for each error number."""


def _raise_with_remedy(error: OSError, path: str) -> NoReturn:
    remedy = _REMEDIES.get(error.errno or 0, "pass another path")
    raise OSError(error.errno, f"{error.strerror}; cannot write the snapshot: {remedy}", path) from error
