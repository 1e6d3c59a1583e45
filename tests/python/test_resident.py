"""How much of large blocks is resident: the snapshot's figures against what the program has touched."""

from __future__ import annotations

import pytest
from child import Child
from specimens import specimen

SIZE = 64 << 20
HUGE_PAGE = 2 << 20


class Teller:
    """Runs the program and makes the kernel refuse some of its calls."""

    def __init__(self, child: Child, environment: dict[str, str], lost: str) -> None:
        self._child = child
        self._environment = environment
        self._lost = lost

    def told(self, state: str) -> int | None:
        """Return the program's known resident bytes. Small blocks are never reported."""
        program = specimen("resident/large_blocks")
        said = self._child.run(program, state, self._lost, environment=self._environment)
        if said.startswith("no seccomp here"):
            pytest.skip(said)
        large, small = said.split()
        assert small == "None"
        return None if large == "None" else int(large)

    def known(self, state: str) -> int:
        told = self.told(state)
        assert told is not None
        return told


@pytest.fixture(params=["", "ioctl"], ids=["scanned", "by words"])
def teller(request: pytest.FixtureRequest, child: Child, burners: dict[str, str]) -> Teller:
    """Use the kernel's scan of the page tables, if it has one, and do without it."""
    return Teller(child, burners, request.param)


@pytest.mark.parametrize("state", ["zeros", "read"])
def test_a_block_that_was_never_written_to_is_not_resident(teller: Teller, state: str) -> None:
    """Only the block's header is resident, in a huge page if the kernel provides those."""
    assert 0 < teller.known(state) <= HUGE_PAGE


@pytest.mark.parametrize("state", ["whole", "forked"])
def test_a_block_that_was_written_to_is_resident(teller: Teller, state: str) -> None:
    assert teller.known(state) == SIZE


def test_half_a_block_may_be_resident(teller: Teller) -> None:
    assert 0 <= teller.known("half") - SIZE // 2 <= HUGE_PAGE


@pytest.mark.parametrize("lost", ["descriptors", "openat"])
def test_what_the_kernel_does_not_tell_is_not_known(child: Child, burners: dict[str, str], lost: str) -> None:
    assert Teller(child, burners, lost).told("whole") is None


def test_sums_of_mappings_tell_what_they_can(child: Child, burners: dict[str, str]) -> None:
    """Whether the block has its own mapping depends on the kernel."""
    told = Teller(child, burners, "pread64").told("whole")
    assert told is None or told == SIZE
