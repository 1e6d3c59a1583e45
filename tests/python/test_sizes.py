"""Many samples are live at once, and all are counted. Nothing is dropped or left over; memory use is proportional."""

from __future__ import annotations

from child import Child
from native import blocks_environment
from specimens import specimen


def test_each_of_many_blocks_is_listed_once_and_gone_when_freed(child: Child) -> None:
    child.run(
        specimen("sizes/each_of_many_blocks_is_listed_once_and_gone_when_freed"),
        preload=True,
        environment=blocks_environment(child.folder),
    )


def test_the_estimate_of_a_heap_of_many_samples_lies_in_its_interval(child: Child) -> None:
    child.run(
        specimen("sizes/the_estimate_of_a_heap_of_many_samples_lies_in_its_interval"),
        preload=True,
        environment=blocks_environment(child.folder),
    )


def test_the_engine_maps_memory_in_proportion_to_what_is_live_at_once(child: Child) -> None:
    """A slot takes 48 bytes, and 3/8 to 3/4 of the slots are full. Outgrown filters stay mapped."""
    child.run(
        specimen("sizes/the_engine_maps_memory_in_proportion_to_what_is_live_at_once"),
        preload=True,
        environment=blocks_environment(child.folder),
    )
