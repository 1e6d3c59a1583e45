"""Under any allocator and with any other hooks, each block is counted once and its free is seen."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from child import Child
from native import blocks_environment
from specimens import specimen

DOMAINS = ["raw", "mem", "obj"]
ALLOCATORS = ["default", "malloc", "pymalloc", "debug", "malloc_debug", "pymalloc_debug", "mimalloc"]
EVERY_MODE = pytest.mark.parametrize("native", ["off", "patch", "preload"])
BRIEF_MODES = pytest.mark.parametrize(
    "native", [pytest.param("off", marks=pytest.mark.long), "patch", pytest.param("preload", marks=pytest.mark.long)]
)
LONG = pytest.mark.long
BRIEF = [("default", "off"), ("default", "patch"), ("default", "preload"), ("malloc", "patch"), ("mimalloc", "patch")]
EVERY_ALLOCATOR_AND_MODE = pytest.mark.parametrize(
    ("allocator", "native"),
    [
        pytest.param(allocator, native, marks=() if (allocator, native) in BRIEF else LONG)
        for allocator in ALLOCATORS
        for native in ("off", "patch", "preload")
    ],
)
"""If all Pythons behave alike, only the first one runs every case; the others run a few."""
TIMES = 6.5
"""Permitted error of an estimate, in standard errors: one false alarm in 10¹⁰ for each number."""
DEBUG_BYTES_MAX = 64
"""Maximum number of bytes that a debug layer adds to a block that its pool passes on; malloc's hook counts the larger
size.
"""


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return blocks_environment(tmp_path_factory.mktemp("blocks"))


# ---- Every allocator --------------------------------------------------------------------------------------------


CALL_BYTES_MAX = 4096
"""Maximum number of bytes that ctypes itself allocates for one call, on the same line."""

EXACT = [(1000, 512), (1000, 513), (100, 5000), (10, 300_000)]  # count, size
SAMPLED = [(20_000, 100), (5_000, 505), (5_000, 600)]  # a debug layer makes 505 bytes too large for the pool


def run(child: Child, program: Path, native: str, *words: str, environment: dict[str, str] | None = None) -> str:
    """Run the program with this mode as its first argument."""
    return child.run(program, native, *words, preload=native == "preload", environment=environment)


def allocator_environment(allocator: str, child: Child) -> dict[str, str]:
    if allocator == "default":
        return {"PYTHONMALLOC": ""}
    if child.attempt("", environment={"PYTHONMALLOC": allocator}).returncode != 0:
        pytest.skip(f"this Python {sys.version.split()[0]} has no allocator named {allocator}")
    return {"PYTHONMALLOC": allocator}


@EVERY_ALLOCATOR_AND_MODE
def test_each_block_is_counted_once(child: Child, blocks: dict[str, str], allocator: str, native: str) -> None:
    """Each sampled block is counted once, within TIMES standard errors."""
    added = DEBUG_BYTES_MAX if "debug" in allocator else 0
    of_all = [(*case, 0, None) for case in EXACT] + [(*case, 1, 1) for case in SAMPLED]
    cases = {
        "raw": [(10_000, 40, 0, None), *of_all],
        "mem": [(10_000, 40, 0, None), *of_all],
        "obj": [(100_000 if native == "off" else 10_000, 40, 0, None), *of_all],
    }
    environment = {
        **blocks,
        **allocator_environment(allocator, child),
        "CASES": json.dumps(cases),
        "ADDED": str(added),
    }
    results = json.loads(run(child, specimen("allocators/every_block"), native, environment=environment))
    for domain in cases:
        for (count, size, rate_kb, _), (held, held_objects, half, half_objects, ever, _) in zip(
            cases[domain], results[domain]
        ):
            odds = math.exp(-size / 1024) / -math.expm1(-size / 1024) if rate_kb else 0
            error = TIMES * math.sqrt(odds / count)
            near = pytest.approx
            where = f"{domain}: {count} blocks of {size} bytes at {rate_kb} KB"
            assert held_objects == near(count, rel=error + added / size), where
            assert half_objects == near(count / 2, rel=math.sqrt(2) * error + added / size), where
            assert size * (1 - error) <= held / count <= (size + added) * (1 + error), where
            assert size * (1 - error * math.sqrt(2)) <= half / count * 2, where
            # Totals are kept in units of 1/256 byte and rounded for each sample.
            assert held * (1 - 1e-5) <= ever <= held + CALL_BYTES_MAX * (1 + 5 * rate_kb), where
            if not rate_kb:
                assert (held_objects, half_objects) == (count, count / 2), where


# ---- Reallocations ----------------------------------------------------------------------------------------------


@BRIEF_MODES
def test_a_block_that_moves_is_the_same_block(child: Child, blocks: dict[str, str], native: str) -> None:
    """If every allocation is sampled, a reallocated block has one entry with its latest size, on whichever side of the
    pool's limit the old and new sizes are.
    """
    run(child, specimen("allocators/grown_and_shrunk"), native, environment={**blocks, "PYTHONMALLOC": ""})


def test_realloc_to_nothing_frees_and_a_failed_one_does_not(child: Child, blocks: dict[str, str]) -> None:
    run(child, specimen("allocators/realloc_to_nothing"), "preload", environment=blocks)


STEPS = [48, 130, 131, 250, 480, 300, 300, 90, 400, 16, 200]


@EVERY_ALLOCATOR_AND_MODE
def test_small_reallocs_are_charged_once(child: Child, blocks: dict[str, str], allocator: str, native: str) -> None:
    """All blocks have the new size and are counted once, within TIMES standard errors."""
    count = 20_000
    environment = {
        **blocks,
        **allocator_environment(allocator, child),
        "COUNT": str(count),
        "STEPS": json.dumps(STEPS),
    }
    results = json.loads(run(child, specimen("allocators/small_reallocs"), native, environment=environment))
    # A debug layer enlarges blocks that no pool keeps.
    added = DEBUG_BYTES_MAX if allocator == "malloc_debug" else 0
    odds = [math.exp(-size / 1024) / -math.expm1(-size / 1024) for size in STEPS]
    for allocated, allocated_objects, held, held_objects in results:
        error = TIMES * math.sqrt(count * sum(size**2 * odd for size, odd in zip(STEPS, odds)))
        assert -error <= allocated - count * sum(STEPS) <= error + count * len(STEPS) * added + 100 * 1024
        error = TIMES * math.sqrt(count * sum(odds))
        assert abs(allocated_objects - count * len(STEPS)) <= error + 100
        if not added:
            error = TIMES * math.sqrt(count * odds[-1])
            assert abs(held_objects - count) <= error
            assert abs(held - count * STEPS[-1]) <= error * STEPS[-1]


# ---- Frees ------------------------------------------------------------------------------------------------------


@EVERY_MODE
def test_frees_by_other_threads_and_after_stop_are_seen(child: Child, blocks: dict[str, str], native: str) -> None:
    families = DOMAINS + ["malloc"] * (native == "preload")
    run(child, specimen("allocators/freed_elsewhere"), native, *families, environment=blocks)


@EVERY_MODE
def test_the_interpreters_own_count_does_not_drift(child: Child, blocks: dict[str, str], native: str) -> None:
    finished = child.attempt(
        specimen("allocators/counted_by_python"), native, preload=native == "preload", environment=blocks
    )
    assert finished.returncode == 0, finished.stderr
    assert "# arenas allocated total" in finished.stderr


# ---- What Python itself allocates -------------------------------------------------------------------------------


@EVERY_MODE
def test_containers_hold_what_getsizeof_says(child: Child, blocks: dict[str, str], native: str) -> None:
    run(child, specimen("allocators/sizes_of_objects"), native, environment={**blocks, "PYTHONMALLOC": ""})


# ---- Other tools' hooks -----------------------------------------------------------------------------------------


def test_a_displaced_hook_is_found_put_back_and_counted(child: Child, blocks: dict[str, str]) -> None:
    run(child, specimen("allocators/displaced"), "off", "3", environment={**blocks, "PYTHONMALLOC": ""})


@pytest.mark.parametrize("native", ["patch", "preload"])
def test_the_malloc_level_cannot_be_displaced(child: Child, blocks: dict[str, str], native: str) -> None:
    """Only the two pools' hooks can be displaced: the RAW domain needs no hook."""
    run(child, specimen("allocators/displaced"), native, "2", environment={**blocks, "PYTHONMALLOC": ""})


@pytest.mark.long
@EVERY_MODE
@pytest.mark.parametrize("allocator", ["default", "malloc", "debug", "mimalloc"])
def test_tracemalloc_before_after_and_around(child: Child, blocks: dict[str, str], allocator: str, native: str) -> None:
    environment = {**blocks, **allocator_environment(allocator, child)}
    run(child, specimen("allocators/orders"), native, str(DEBUG_BYTES_MAX), environment=environment)


# ---- Interpreters ------------------------------------------------------------------------------------------------


@EVERY_MODE
def test_subinterpreters_are_profiled_too(child: Child, native: str) -> None:
    """From 3.12 on, each subinterpreter has its own GIL and its own pools."""
    run(child, specimen("allocators/subinterpreters"), native, environment={"PYTHONMALLOC": ""})


# ---- Python's own tests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("native", ["patch", pytest.param("preload", marks=pytest.mark.long)])
def test_pythons_own_tests_end_as_without_us(child: Child, native: str) -> None:
    if child.attempt("import test.test_list").returncode != 0:
        pytest.skip("this Python comes without its own tests")
    plain = run(child, specimen("allocators/own_tests"), native)
    assert int(plain.split()[0]) > 100
    for rate in ("0", "64"):
        assert run(child, specimen("allocators/own_tests"), native, rate) == plain


def test_what_debugmallocstats_leaves_out_is_back_after_stop(child: Child) -> None:
    """docs/contracts/python-api.md describes the remedy."""
    program = "import sys, spprof.memprof as m; m.start(); {}; sys._debugmallocstats()"
    shown = ["Small block threshold" in child.attempt(program.format(then)).stderr for then in ("m.stop()", "0")]
    assert shown == [True, False]
