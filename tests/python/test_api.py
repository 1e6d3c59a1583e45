"""The contract of `spprof.memprof`, tested on the real engine. Each program samples every allocation, except in tests
of random sampling.

Allocations are identified by characteristic sizes; asked_for.py computes how many bytes a bytearray requests.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from child import Child
from preludes import OF_MEMORY as PRELUDE
from specimens import specimen


def test_the_package_names_its_version_and_the_profiler():
    import spprof
    from spprof import _engine

    assert spprof.__version__ == _engine.VERSION
    assert spprof.memprof.__name__ == "spprof.memprof"
    assert {"__version__", "memprof"} < {*spprof.__all__}


def test_every_public_name_exists():
    import spprof.memprof

    for name in spprof.memprof.__all__:
        assert getattr(spprof.memprof, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        spprof.memprof.nonsense  # noqa: B018


# ---- Lifecycle


def test_active_is_between_start_and_stop(child: Child):
    child.run("""
        import spprof.memprof as memprof
        assert not memprof.is_active()
        assert memprof.start(0) is None
        assert memprof.is_active()
        assert memprof.stop() is None
        assert not memprof.is_active()
        memprof.start(sampling_rate_kb=1)
        memprof.shutdown()
        assert not memprof.is_active()
        memprof.shutdown()
        """)


def test_blocks_are_live_from_their_allocation_to_their_free(child: Child):
    child.run(
        PRELUDE
        + """
early = bytearray(1_000_100)
memprof.start(0)
kept = bytearray(1_000_200)
freed = bytearray(1_000_300)
assert lengths(memprof.get_snapshot()) == [1_000_200, 1_000_300]
del freed, early
assert lengths(memprof.get_snapshot()) == [1_000_200]
"""
    )


def test_after_stop_nothing_new_is_sampled_and_frees_are_followed(child: Child):
    child.run(
        PRELUDE
        + """
memprof.start(0)
one, two = bytearray(1_000_100), bytearray(1_000_200)
memprof.stop()
late = bytearray(1_000_300)
assert lengths(memprof.get_snapshot()) == [1_000_100, 1_000_200]
del one
assert lengths(memprof.get_snapshot()) == [1_000_200]
memprof.start(0)
again = bytearray(1_000_400)
assert lengths(memprof.get_snapshot()) == [1_000_200, 1_000_400]
"""
    )


def test_after_shutdown_the_data_stays_readable(child: Child):
    child.run(
        PRELUDE
        + """
memprof.start(0)
kept = bytearray(1_023_900)
memprof.shutdown()
late = bytearray(1_000_200)
snapshot = memprof.get_snapshot()
assert lengths(snapshot) == [1_023_900]
assert "1000.0 KiB" in str(snapshot)  # with the object
assert memprof.get_stats().live_samples == snapshot.live_samples + snapshot.own.live_samples
"""
    )


def test_the_profiler_shuts_down_when_the_interpreter_exits(child: Child):
    printed = child.run("""
        import atexit
        import spprof.memprof as memprof
        from spprof import _engine
        atexit.register(lambda: print("at exit:", _engine.is_shut_down()))  # runs after what is registered later
        for _ in range(3):
            memprof.start()
            memprof.stop()
        print("before:", _engine.is_shut_down())
        """)
    assert printed.splitlines() == ["before: False", "at exit: True"]


def test_the_exit_hook_is_registered_once_by_starts_in_many_threads(child: Child):
    child.run(specimen("api/the_exit_hook_is_registered_once_by_starts_in_many_threads"))


# ---- Snapshots


def test_a_sample_says_what_where_when_and_who(child: Child):
    child.run(specimen("api/a_sample_says_what_where_when_and_who"))


def test_a_site_has_its_exact_bytes_when_every_allocation_is_sampled(child: Child):
    child.run(specimen("api/a_site_has_its_exact_bytes_when_every_allocation_is_sampled"))


def test_samples_of_one_stack_share_their_frames(child: Child):
    child.run(
        PRELUDE
        + """
def fill():
    return [bytearray(1_000_100) for _ in range(3)]
for _ in range(10):
    fill()  # until the interpreter has specialised the call
memprof.start(0)
held = fill()
first = [sample.stack for sample in memprof.get_snapshot().samples if sample.size == bytearray_size(1_000_100)]
again = [sample.stack for sample in memprof.get_snapshot().samples if sample.size == bytearray_size(1_000_100)]
assert len(first) == 3
assert all(stack is first[0] for stack in first + again)
"""
    )


def test_a_snapshot_does_not_change_afterwards(child: Child):
    child.run(
        PRELUDE
        + """
memprof.start(0)
held = bytearray(1_000_100)
snapshot = memprof.get_snapshot()
del held
more = bytearray(1_000_200)
assert lengths(snapshot) == [1_000_100]
assert len(snapshot.samples) == snapshot.live_samples
"""
    )


def test_snapshots_differ_by_what_came_and_went(child: Child):
    child.run(specimen("api/snapshots_differ_by_what_came_and_went"))


def test_a_stack_deeper_than_is_kept_ends_in_a_cut(child: Child):
    child.run(
        PRELUDE
        + """
import sys
sys.setrecursionlimit(5000)
def deep(n):
    return deep(n - 1) if n else bytearray(1_000_100)
memprof.start(0)
held = deep(2000)
(sample,) = [sample for sample in memprof.get_snapshot().samples if sample.size == bytearray_size(1_000_100)]
kept = [frame.function for frame in python_frames(sample.stack)]
assert set(kept) == {"deep"} and 400 < len(kept) <= 1024, len(kept)
assert (sample.stack[-1].function, sample.stack[-1].is_python) == ("<cut>", False)
"""
    )


def test_many_threads_may_take_snapshots_at_once(child: Child):
    child.run(specimen("api/many_threads_may_take_snapshots_at_once"))


def test_snapshots_taken_while_others_allocate_are_whole(child: Child):
    child.run(specimen("api/snapshots_taken_while_others_allocate_are_whole"))


def test_a_saved_profile_holds_what_the_snapshot_holds(child: Child):
    child.run(
        PRELUDE
        + """
def hold():
    return bytearray(1_000_100)
memprof.start(0)
held, gone = hold(), hold()
del gone
snapshot = memprof.get_snapshot()
memprof.stop()
snapshot.save("profile.json")
snapshot.save("profile.txt")
"""
    )
    document = json.loads((child.folder / "profile.json").read_bytes())
    names = [frame["name"] for frame in document["shared"]["frames"]]
    held = []
    for profile in document["profiles"][:6]:
        stacks = {}
        for sample, weight in zip(*map(profile.get, KEYS)):
            python = tuple(names[i] for i in sample if names[i] in ("<module>", "hold"))
            stacks[python] = stacks.get(python, 0) + weight
        held.append(stacks["<module>", "hold"])
    assert 1_000_101 <= held[0] < 1_000_400
    assert 2_000_202 <= held[2] < 2_000_800
    assert held[3] == 2 * held[1]
    program = child.script.name
    lines = child.script.read_text().splitlines()
    outer, inner = lines.index("held, gone = hold(), hold()") + 1, lines.index("    return bytearray(1_000_100)") + 1
    place = f"{child.folder.name}/{program}"
    stack = f"<module> ({place}:{outer});hold ({place}:{inner})"
    collapsed = (child.folder / "profile.txt").read_text().splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in collapsed if stack in line) == held[0]


KEYS = ("samples", "weights")


# ---- Rates and seeds


def test_each_sample_carries_the_rate_it_was_drawn_under(child: Child):
    child.run(
        PRELUDE
        + """
memprof.start(0)
exact = bytearray(1_000_100)
memprof.stop()
memprof.start(sampling_rate_kb=8)
coarse = bytearray(1_000_200)
snapshot = memprof.get_snapshot()
memprof.stop()
rates = {sample.size: sample.sampling_rate_bytes for sample in snapshot.samples if sample.size > 1_000_000}
assert rates == {bytearray_size(1_000_100): 0, bytearray_size(1_000_200): 8192}
assert snapshot.sampling_rate_bytes == memprof.get_stats().sampling_rate_bytes == 8192
"""
    )


def test_the_estimate_of_a_known_heap_lies_in_its_interval(child: Child):
    """Allocate 4000 blocks of 4 KiB and sample every 16 KiB, which yields about 900 samples. The seed is fixed, so the
    test cannot fail by chance.
    """
    child.run(specimen("api/the_estimate_of_a_known_heap_lies_in_its_interval"))


def test_a_seed_makes_the_samples_the_same_in_each_run(child: Child):
    program = """
        import spprof.memprof as memprof
        memprof.start(64, seed={seed})
        held = [bytearray(10_000) for _ in range(2000)]
        memprof.stop()
        print([sample.size for sample in memprof.get_snapshot().samples])
        """
    environment = {"PYTHONHASHSEED": "0"}
    first, second, other = (
        child.run(program.format(seed=seed), environment=environment) for seed in ("7", "7", "2**64 - 1")
    )
    assert first == second
    assert other != first


# ---- Statistics


def test_statistics_are_zero_before_the_first_start(child: Child):
    child.run("""
        import spprof.memprof as memprof
        stats = memprof.get_stats()
        assert (stats.total_samples, stats.live_samples, stats.freed_samples, stats.unique_stacks) == (0, 0, 0, 0)
        assert (stats.estimated_heap_bytes, stats.peak_heap_bytes, stats.heap_map_load_percent) == (0, 0, 0.0)
        assert stats.native_mode == "off"
        assert set(stats.dropped_samples.values()) == {0}
        """)


def test_statistics_count_live_and_freed_samples(child: Child):
    child.run(specimen("api/statistics_count_live_and_freed_samples"))


@pytest.mark.parametrize(("preload", "mode"), [(False, "patch"), (True, "preload")])
def test_auto_takes_the_preloaded_library_where_there_is_one_and_patches_elsewhere(
    child: Child, preload: bool, mode: str
):
    child.run(
        f"""
        import spprof.memprof as memprof
        memprof.start(native="auto")
        assert memprof.get_stats().native_mode == {mode!r}
        """,
        preload=preload,
    )


def test_preload_mode_sees_what_is_allocated_below_python(child: Child):
    child.run(
        specimen("api/preload_mode_sees_what_is_allocated_below_python"),
        preload=True,
    )


# ---- Documents


def test_the_documents_name_every_call_and_every_field():
    import spprof.memprof

    docs = Path(__file__).parents[2] / "docs"
    reference = (docs / "contracts" / "python-api.md").read_text(encoding="utf-8")
    model = (docs / "data-model.md").read_text(encoding="utf-8")
    for name in spprof.memprof.__all__:
        described = (reference + model).partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert described, f"{name} has no section"
        value = getattr(spprof.memprof, name)
        if isinstance(value, type) and name != "HeapSnapshot":
            for field in getattr(value, "__annotations__", {}):
                assert f"`{field}`" in described, f"{name}.{field} is not described"
    snapshot = reference.partition("\n## HeapSnapshot\n")[2]
    for name, value in vars(spprof.memprof.HeapSnapshot).items():
        if not name.startswith("_") and name not in INTERNAL:
            assert f"`{name}`" in snapshot or f"### {name}\n" in snapshot, f"HeapSnapshot.{name} is not described"
            assert callable(value) == (f"### {name}\n" in snapshot)


INTERNAL = (
    "frames",
    "live_sites",
    "ranked_sites",
    "records",
    "save_with_notes",
    "shortages",
    "site_key",
    "site_totals",
    "to_pprof",
)
"""Names that the package's own modules share."""
