"""The programs that tests run: tests/specimens/<topic>/<name>.py, usually named after the test that runs it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "specimens"


def specimen(name: str) -> Path:
    """Return a program's file, given its path below the folder without the suffix."""
    file = FOLDER / f"{name}.py"
    assert file.is_file(), f"there is no {file}"
    return file
