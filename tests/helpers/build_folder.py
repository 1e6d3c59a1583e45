"""The build folder that a test inspects or takes programs from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

VARIABLE = "SPPROF_BUILD_DIR"


def build_folder() -> Path:
    """Return SPPROF_BUILD_DIR, or the folder that `make test` builds for this environment. Skip the test if neither
    exists.
    """
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(named)
        assert (folder / "compile_commands.json").exists(), f"{VARIABLE} is {named}, which is no build of meson's"
        return folder
    folder = Path(sys.prefix) / "build-checked"
    if not (folder / "tests" / "accuracy" / "workload").exists():
        pytest.skip(
            f"there is no build with C tests in {folder}: make install-with-c-tests, which make test begins with"
        )
    return folder
