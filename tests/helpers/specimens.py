"""Where the programs are that tests run: tests/specimens/<topic>/<name>.py, mostly named as the test that runs it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "specimens"


def specimen(name: str) -> Path:
    """The file of a program, by its name below the folder, without its suffix."""
    file = FOLDER / f"{name}.py"
    assert file.is_file(), f"there is no {file}"
    return file
