"""Every error in the API's contract has a message that says what to do."""

from __future__ import annotations

import pytest
from child import Child
from specimens import specimen
from spprof.memprof import MemoryProfiler, start


class Index:
    """An object that can be used as an integer, but is not an int."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


@pytest.fixture(params=[start, MemoryProfiler], ids=["start", "MemoryProfiler"])
def begin(request: pytest.FixtureRequest):
    """Both functions take the same arguments, and reject invalid ones before anything is started."""
    return request.param


@pytest.mark.parametrize("rate", [True, False, 1.0, 512.5, "512", None, [512]])
def test_a_rate_must_be_an_integer(begin, rate: object):
    with pytest.raises(TypeError, match="sampling_rate_kb must be an integer, not"):
        begin(rate)


@pytest.mark.parametrize("rate", [-1, -(2**70), 1024 * 1024 + 1, 2**70, Index(-1)])
def test_a_rate_must_lie_in_its_range(begin, rate: object):
    with pytest.raises(ValueError, match=r"between 0 \(every allocation\) and 1048576 \(1 GiB\).*512 is the default"):
        begin(rate)


@pytest.mark.parametrize("native", ["", "Preload", "on", None, 1, True])
def test_an_unknown_native_mode_names_the_known_ones(begin, native: object):
    with pytest.raises(ValueError, match=r"unknown native mode .*; use one of 'auto', 'preload', 'patch', 'off'"):
        begin(native=native)


@pytest.mark.parametrize(
    ("seed", "error"), [(-1, ValueError), (2**64, ValueError), (True, TypeError), (1.0, TypeError), ("1", TypeError)]
)
def test_a_seed_must_be_an_integer_of_64_bits(begin, seed: object, error: type[Exception]):
    with pytest.raises(error, match="seed must"):
        begin(seed=seed)


def test_native_and_seed_are_named_arguments(begin):
    with pytest.raises(TypeError):
        begin(512, "off")


@pytest.mark.parametrize("rate", ["0", "1048576", "Index(64)"])
def test_the_ends_of_the_range_and_what_counts_as_an_integer_are_accepted(child: Child, rate: str):
    child.run(f"""
        import spprof.memprof as memprof
        class Index:
            def __init__(self, value): self.value = value
            def __index__(self): return self.value
        memprof.start({rate}, seed=Index(0))
        expected = {rate}
        assert memprof.get_stats().sampling_rate_bytes == 1024 * getattr(expected, "value", expected)
        """)


REFUSED = {
    "start twice": (
        "memprof.start(64); memprof.start(64)",
        r"already running.*call spprof\.memprof\.stop\(\) first",
    ),
    "stop before the first start": ("memprof.stop()", r"not running.*call spprof\.memprof\.start\(\) first"),
    "stop twice": (
        "memprof.start(); memprof.stop(); memprof.stop()",
        r"not running.*call spprof\.memprof\.start\(\) first",
    ),
    "snapshot before the first start": ("memprof.get_snapshot()", r"call spprof\.memprof\.start\(\) first"),
    "start after shutdown": (
        "memprof.start(); memprof.shutdown(); memprof.start()",
        r"shut down, which is permanent: start a new process",
    ),
    "MemoryProfiler while active": (
        "memprof.start(); memprof.MemoryProfiler().__enter__()",
        r"already running.*call spprof\.memprof\.stop\(\) first",
    ),
    "MemoryProfiler after shutdown": (
        "memprof.shutdown(); memprof.MemoryProfiler().__enter__()",
        r"shut down, which is permanent: start a new process",
    ),
    "snapshot of a block that was not entered": (
        "memprof.MemoryProfiler().snapshot",
        r"read it after the block, or call spprof\.memprof\.get_snapshot\(\) inside it",
    ),
    "preload without the library": ("memprof.start(native='preload')", r"start the program with LD_PRELOAD=/"),
}


@pytest.mark.parametrize(("statements", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_now_says_what_to_do(child: Child, statements: str, message: str):
    child.run(specimen("errors/what_cannot_be_done_now_says_what_to_do"), statements, message)


def test_nesting_is_refused_and_leaves_the_outer_block_alone(child: Child):
    child.run(specimen("errors/nesting_is_refused_and_leaves_the_outer_block_alone"))


def test_a_profiler_that_is_entered_again_has_no_old_snapshot(child: Child):
    child.run(specimen("errors/a_profiler_that_is_entered_again_has_no_old_snapshot"))


def test_a_block_that_cannot_be_entered_keeps_its_old_snapshot(child: Child):
    child.run(specimen("errors/a_block_that_cannot_be_entered_keeps_its_old_snapshot"))


def test_an_unwritable_path_is_an_os_error_and_the_snapshot_is_still_good(child: Child):
    child.run(specimen("errors/an_unwritable_path_is_an_os_error_and_the_snapshot_is_still_good"))
