# ruff: noqa: N999
"""Adds the commands of the command line, which are imported by name."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("spprof.cli")
