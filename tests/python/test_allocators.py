"""Whatever allocates below, and whoever else hooks it: each block is counted once and its free is seen."""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path

import pytest
from child import Child
from native import blocks_environment

DOMAINS = ["raw", "mem", "obj"]
ALLOCATORS = ["default", "malloc", "pymalloc", "debug", "malloc_debug", "pymalloc_debug", "mimalloc"]
DEBUG_BYTES_MAX = 64
"""What a debug layer may add to a block that its pool hands down: it is counted as it reaches malloc."""


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return blocks_environment(tmp_path_factory.mktemp("blocks"))


# ---- Every allocator --------------------------------------------------------------------------------------------

EVERY_BLOCK = """
    import json
    import os

    import spprof.memprof as memprof
    from blocks import Family, allocate_blocks, allocated, free_blocks, live, pointers

    def measure(family, count, size, rate_kb, seed):
        # Bytes and objects: all of them live, half of them live, ever allocated.
        def now():
            return live(memprof.get_snapshot(), "allocate_blocks", size, size + added)

        blocks = pointers(count)
        before = allocated(memprof.get_snapshot(), "allocate_blocks")
        memprof.start(rate_kb, seed=seed)
        allocate_blocks(family, blocks, size)
        held = now()
        ever = allocated(memprof.get_snapshot(), "allocate_blocks")
        free_blocks(family, blocks, 2)
        half = now()
        memprof.stop()
        free_blocks(family, blocks)
        assert now() == (0, 0), "after stop, frees are followed"
        return [*held, *half, ever[0] - before[0], ever[1] - before[1]]

    added = int(os.environ["ADDED"])
    memprof.start(0)
    memprof.stop()
    results = {
        domain: [measure(Family(domain), *case) for case in json.loads(os.environ["CASES"])]
        for domain in ("raw", "mem", "obj")
    }
    stats = memprof.get_stats()
    assert stats.collisions == 0 and not any(stats.dropped_samples.values()), stats
    print(json.dumps(results))
"""

CALL_BYTES_MAX = 4096
"""What ctypes itself allocates for one call, on the same line."""

EXACT = [(100_000, 40), (1000, 512), (1000, 513), (100, 5000), (10, 300_000)]  # count, size
SAMPLED = [(100_000, 100), (10_000, 600)]


def allocator_environment(allocator: str, child: Child) -> dict[str, str]:
    if allocator == "default":
        return {"PYTHONMALLOC": ""}
    if child.attempt("", environment={"PYTHONMALLOC": allocator}).returncode != 0:
        pytest.skip(f"this Python {sys.version.split()[0]} has no allocator named {allocator}")
    return {"PYTHONMALLOC": allocator}


@pytest.mark.parametrize("preload", [False, True], ids=["", "preloaded"])
@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_each_block_is_counted_once(child: Child, blocks: dict[str, str], allocator: str, preload: bool) -> None:
    """Sampled, within 5 standard errors: a false alarm in 1.7 million for each number."""
    added = DEBUG_BYTES_MAX if "debug" in allocator else 0
    cases = [(*case, 0, None) for case in EXACT] + [(*case, 1, 1) for case in SAMPLED]
    environment = {
        **blocks,
        **allocator_environment(allocator, child),
        "CASES": json.dumps(cases),
        "ADDED": str(added),
    }
    results = json.loads(child.run(EVERY_BLOCK, preload=preload, environment=environment))
    for domain in DOMAINS:
        for (count, size, rate_kb, _), (held, held_objects, half, half_objects, ever, ever_objects) in zip(
            cases, results[domain]
        ):
            odds = math.exp(-size / 1024) / -math.expm1(-size / 1024) if rate_kb else 0
            error = 5 * math.sqrt(odds / count)
            near = pytest.approx
            where = f"{domain}: {count} blocks of {size} bytes at {rate_kb} KB"
            assert held_objects == near(count, rel=error + added / size), where
            assert half_objects == near(count / 2, rel=math.sqrt(2) * error + added / size), where
            assert size * (1 - error) <= held / count <= (size + added) * (1 + error), where
            assert size * (1 - error * math.sqrt(2)) <= half / count * 2, where
            assert held <= ever <= held + CALL_BYTES_MAX * (1 + 5 * rate_kb), where
            if not rate_kb:
                assert (held_objects, half_objects) == (count, count / 2), where
