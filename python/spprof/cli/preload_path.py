"""``spprof preload-path``: prints the library's path, for ``LD_PRELOAD=$(spprof preload-path) python …``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import _engine

if TYPE_CHECKING:
    import argparse


EXAMPLES = (
    ("spprof preload-path", "prints the path of the library"),
    ("LD_PRELOAD=$(spprof preload-path) python app.py", "runs an app.py that calls memprof.start() itself"),
    ("LD_PRELOAD=$(spprof preload-path) gunicorn app:app", "does the same for a command"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # it has no arguments


def main(arguments: argparse.Namespace) -> int:
    del arguments
    print(_engine.library_path())
    return 0
