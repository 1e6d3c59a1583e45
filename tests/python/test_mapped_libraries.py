"""The memory that a library holds, compared with the library's own count. Covers libraries that every Python has; `make
mapped` covers the others.
"""

from __future__ import annotations

import mapped_libraries as libraries
import pytest

PLAIN = [name for name, packages in libraries.PROGRAMS.items() if not packages]


@pytest.mark.parametrize("order", libraries.ORDERS)
@pytest.mark.parametrize("mode", libraries.MODES)
@pytest.mark.parametrize("program", PLAIN)
def test_what_a_library_holds_is_as_much_as_it_counts(program: str, mode: str, order: str) -> None:
    """The error reaches 5 % only if 50 of 1,000 blocks go unsampled. A block of 120,000 bytes goes unsampled once in
    1,500 times.
    """
    assert libraries.run(program, order, mode).faults() == []
