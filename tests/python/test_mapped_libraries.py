"""Memory that a library holds, compared with its own count, for libraries in every Python. The others: make mapped."""

from __future__ import annotations

import mapped_libraries as libraries
import pytest

PLAIN = [name for name, packages in libraries.PROGRAMS.items() if not packages]


@pytest.mark.parametrize("order", libraries.ORDERS)
@pytest.mark.parametrize("mode", libraries.MODES)
@pytest.mark.parametrize("program", PLAIN)
def test_what_a_library_holds_is_as_much_as_it_counts(program: str, mode: str, order: str) -> None:
    """The error reaches 5 % only if 50 of 1,000 blocks go unsampled; a block of 120,000 bytes does once in 1,500."""
    assert libraries.run(program, order, mode).faults() == []
