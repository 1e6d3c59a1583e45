"""Every allocation of a busy program is sampled."""

from __future__ import annotations

import pytest
from child import Child
from specimens import specimen

pytestmark = pytest.mark.long  # independent of the Python version


@pytest.mark.parametrize("preload", [False, True], ids=["python", "preload"])
@pytest.mark.parametrize("allocator", ["default", "debug", "malloc"])
def test_walking_at_every_allocation_of_a_busy_program_is_safe_until_its_very_end(
    child: Child, allocator: str, preload: bool
) -> None:
    """The program has a daemon thread that is still running when the interpreter is finalized."""
    told = child.run(
        specimen("busy_program/walking_at_every_allocation_of_a_busy_program_is_safe_until_its_very_end"),
        preload=preload,
        environment={"PYTHONMALLOC": allocator},
    )
    assert told == "0\n"
