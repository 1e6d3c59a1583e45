"""Memory that a library holds, beside its own count: those that every Python brings. The others: make mapped."""

from __future__ import annotations

import mapped_libraries as libraries
import pytest

PLAIN = [name for name, packages in libraries.PROGRAMS.items() if not packages]


@pytest.mark.parametrize("order", libraries.ORDERS)
@pytest.mark.parametrize("mode", libraries.MODES)
@pytest.mark.parametrize("program", PLAIN)
def test_what_a_library_holds_is_as_much_as_it_counts(program: str, mode: str, order: str) -> None:
    """A miss by chance: blocks of 120,000 bytes of which each is a sample but for 1 in 1,500; 5 % are 50 of 1,000."""
    assert libraries.run(program, order, mode).faults() == []
