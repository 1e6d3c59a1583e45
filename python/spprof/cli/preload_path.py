"""``spprof preload-path``: prints the library's path, for ``LD_PRELOAD=$(spprof preload-path) python …``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import _engine, supported
from spprof.pprof.profile import ProfileError

if TYPE_CHECKING:
    import argparse


EXAMPLES = (
    ("spprof preload-path", "prints the path of the library"),
    ("LD_PRELOAD=$(spprof preload-path) python app.py", "runs an app.py that calls memprof.start() itself"),
    ("LD_PRELOAD=$(spprof preload-path) gunicorn app:app", "does the same for an installed command"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # it has no arguments


def main(arguments: argparse.Namespace) -> int:
    del arguments
    if supported.is_macos():
        raise ProfileError("on macOS nothing needs to be preloaded: memprof.start() sees native allocations by itself")
    print(_engine.library_path())
    return 0
