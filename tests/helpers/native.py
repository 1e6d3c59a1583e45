"""C libraries for tests, compiled on demand."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def compile_library(source: Path, library: Path, *options: str) -> Path:
    """Compile ``source`` into the shared ``library`` and return its path. Skip the test if there is no compiler."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"the C compiler {compiler[0]!r} is missing: set CC")
    command = [*compiler, "-O2", "-g", "-shared", "-fPIC", *options, str(source), "-o", str(library)]
    built = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert built.returncode == 0, f"{shlex.join(command)}\n{built.stderr}"
    return library


def compile_text(text: str, library: Path, *options: str) -> Path:
    """Compile a source text as compile_library() does."""
    source = library.with_suffix(".c")
    source.write_text(text, encoding="utf-8")
    return compile_library(source, library, *options)


def blocks_environment(folder: Path) -> dict[str, str]:
    """Return the environment that a program needs to import blocks.py, with the library compiled into ``folder``."""
    library = compile_library(HERE / "blocks.c", folder / "blocks-native.so")
    return {"PYTHONPATH": str(HERE), "BLOCKS": str(library)}


def burners_environment(folder: Path) -> dict[str, str]:
    """Return the environment that a program needs to import spent.py, with the library compiled into ``folder``."""
    library = compile_library(HERE / "burners.c", folder / "burners.so", "-std=gnu11", "-D_GNU_SOURCE", "-pthread")
    return {"PYTHONPATH": str(HERE), "BURNERS": str(library)}
