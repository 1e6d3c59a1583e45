"""Memory that processes share after a fork: which process allocated it, what is inherited, and that a merge counts it
once.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter

import pytest
from child import Child
from naive_heap import moments, random_heap
from naive_processes import STACKS, Process, fixed
from place import SPPROF, Place
from specimens import specimen
from spprof.analysis.by_site import Tally
from spprof.analysis.notes import notes_of
from spprof.heap.to_pprof import profile_of
from spprof.pprof.file import read_bytes, written
from spprof.pprof.merge import merged
from spprof.pprof.profile import Label, Profile

ALLOCATED, IN_USE, AT_PEAK = 1, 3, 5


def through_a_file(profile: Profile) -> Profile:
    return read_bytes(b"".join(written(profile)))


def total(profile: Profile, index: int = IN_USE) -> int:
    return sum(sample.values[index] for sample in profile.samples)


def by_label(profile: Profile, key: str, index: int = IN_USE) -> dict[object, int]:
    """Return the sums grouped by the value of a label, None for samples without the label."""
    sums: Counter[object] = Counter()
    for sample in profile.samples:
        value = next((one.text or one.number for one in sample.labels if one.key == key), None)
        sums[value] += sample.values[index]
    return {value: amount for value, amount in sums.items() if amount}


def random_family(seed: int, rates: list[int]) -> list[Process]:
    """Return processes that randomly allocate, free and fork."""
    chance = random.Random(seed)
    family = [Process(((100, chance.getrandbits(64)),))]
    for step in range(300):
        one = chance.choice(family)
        if step % 60 == 30:
            family.append(one.fork(100 + len(family), chance.getrandbits(64)))
        elif chance.random() < 0.3 and one.heap.live():
            chance.choice(one.heap.live()).live = False
        else:
            one.allocate(chance.choice([16, 300, 5000, 70_000]), chance.choice(rates), chance.choice([*STACKS]))
    return family


@pytest.mark.parametrize("seed", range(20))
def test_a_merge_holds_what_is_live_in_any_process_once(seed: int):
    family = random_family(seed, [0, 512, 4096])
    files = [through_a_file(process.profile()) for process in family]
    union = {key: block for process in family for key, block in process.held().items()}
    ever = {key: block for process in family for key, block in process.ever().items()}
    both = through_a_file(merged(files))
    rounding = len(both.samples)
    assert abs(total(both) - fixed([*union.values()])) <= rounding
    assert abs(total(both, ALLOCATED) - fixed([*ever.values()])) <= rounding
    sums = Tally(both, IN_USE).whole
    assert sums.samples == len(union)
    assert (sums.variance, sums.skewness) == pytest.approx(moments([*union.values()]))
    assert sum(total(file) for file in files) > total(both)


@pytest.mark.parametrize("seed", range(20))
def test_with_every_allocation_sampled_a_merge_is_exact(seed: int):
    family = random_family(seed, [0])
    chosen = random.Random(seed).sample(family, 3)  # usually, at least one parent is missing
    both = merged([process.profile(rate=0) for process in chosen])
    union = {key: block for process in chosen for key, block in process.held().items()}
    ever = {key: block for process in chosen for key, block in process.ever().items()}
    assert total(both) == sum(block.size for block in union.values())
    assert total(both, ALLOCATED) == sum(block.size for block in ever.values())
    inherited = {
        key: block for process in chosen for key, block in process.held().items() if key[0] != process.lineage[-1][1]
    }
    assert notes_of(both).inherited_bytes == sum(block.size for block in inherited.values())
    owner = {mark: pid for process in chosen for pid, mark in process.lineage}
    sizes: Counter[object] = Counter()
    for (mark, _), block in union.items():
        sizes[owner[mark]] += block.size
    assert by_label(both, "pid") == sizes


@pytest.mark.parametrize("seed", range(10))
def test_merging_has_no_order_and_may_go_by_steps(seed: int):
    files = [process.profile(rate=0) for process in random_family(seed, [0])]

    def rows(profile: Profile) -> dict[object, list[int]]:
        sums: dict[object, list[int]] = {}
        for sample in profile.samples:
            key = profile.frames(sample.stack), sample.labels
            sums[key] = [a + b for a, b in zip(sums.get(key, [0] * 6), sample.values)]
        return sums

    whole = rows(merged(files))
    assert rows(merged(files[::-1])) == whole
    assert rows(merged([through_a_file(merged(files[:2])), *files[2:]])) == whole
    assert rows(merged([files[0], through_a_file(merged(files[1:]))])) == whole
    assert rows(merged([merged(files)])) == whole


@pytest.mark.parametrize("seed", range(10))
def test_peaks_are_added_and_what_was_inherited_counts_once(seed: int):
    family = random_family(seed, [0])
    for process in family:
        for block in process.heap.blocks:
            block.at_peak = block.serial % 5 > 0
    chosen = random.Random(seed).sample(family, 3)
    largest: dict[tuple[int, int], int] = {}
    for process in chosen:
        sums: Counter[tuple[int, int]] = Counter()
        for block in process.heap.at_peak():
            birth, stack = divmod(block.stack_id, 1000)
            sums[process.lineage[birth][1], stack] += block.size
        largest = {key: max(largest.get(key, 0), sums[key]) for key in {**largest, **sums}}
    assert total(through_a_file(merged([process.profile(rate=0) for process in chosen])), AT_PEAK) == sum(
        largest.values()
    )


def test_moments_of_peaks_are_added():
    files = [random_heap(seed, {1: STACKS[1]}).snapshot() for seed in (1, 2)]
    both = through_a_file(merged([profile_of(file) for file in files]))
    sums = Tally(both, AT_PEAK).whole
    of_each = [Tally(profile_of(file), AT_PEAK).whole for file in files]
    assert (sums.samples, sums.value) == (800, sum(one.value for one in of_each))
    for name in ("variance", "skewness", "seen"):
        assert getattr(sums, name) == pytest.approx(sum(getattr(one, name) for one in of_each))
    assert sums.is_drawn


def test_workers_that_keep_different_blocks_of_their_parent_hold_all_of_them():
    """One line allocates equal blocks, and each worker frees all but one of them. The workers' sums do not show how
    many blocks there are.
    """
    parent = Process(((1, 11),))
    for _ in range(4):
        parent.allocate(1000, 0, 1)
    workers = [parent.fork(2 + number, 12 + number) for number in range(4)]
    for number, worker in enumerate(workers):
        for block in worker.heap.blocks:
            block.live = block.serial == number + 1
    for block in parent.heap.blocks:
        block.live = False
    assert total(merged([worker.profile(rate=0) for worker in workers])) == 4000
    assert total(merged([parent.profile(rate=0), *(worker.profile(rate=0) for worker in workers)])) == 4000


def test_what_a_parent_replaced_after_the_fork_counts_beside_the_childs():
    parent = Process(((1, 11),))
    before = parent.allocate(1000, 0, 1)
    child = parent.fork(2, 12)
    before.live = False
    parent.allocate(1000, 0, 1)
    both = merged([parent.profile(rate=0), child.profile(rate=0)])
    assert (total(both), total(both, ALLOCATED)) == (2000, 2000)
    assert notes_of(both).inherited_bytes == 1000


def test_a_block_that_one_process_thinned_out_counts_with_the_rate_of_the_other():
    parent = Process(((1, 11),))
    parent.allocate(1000, 512, 1)
    child = parent.fork(2, 12)
    child.heap.blocks[0].rate = 65536
    for files in ([parent, child], [child, parent]):
        both = merged([process.profile() for process in files])
        assert abs(total(both) - fixed(parent.heap.blocks)) <= 1
        assert Tally(both, IN_USE).whole.samples == 1


def test_an_id_that_was_used_again_is_another_process():
    files = []
    for mark in (11, 12, 13):
        parent = Process(((7, mark),))
        parent.allocate(1000, 0, 1)
        files += [parent.fork(8, mark + 100).profile(rate=0), parent.profile(rate=0)]
    both = merged([through_a_file(merged(files[:4])), *files[4:]])
    assert by_label(both, "pid") == {7: 1000, "7 (2)": 1000, "7 (3)": 1000}
    assert by_label(merged([both, *files]), "pid") == by_label(both, "pid")


def test_a_child_with_the_id_of_its_grandparent_is_told_from_it():
    parent = Process(((7, 11),))
    parent.allocate(1000, 0, 1)
    grandchild = parent.fork(8, 12).fork(7, 13)
    grandchild.allocate(10, 0, 1)
    profile = grandchild.profile(rate=0)
    assert by_label(profile, "pid") == {7: 1000, "7 (2)": 10}
    assert by_label(profile, "born") == {"before fork": 1000, None: 10}
    assert by_label(merged([profile, parent.profile(rate=0)]), "pid") == {7: 1000, "7 (2)": 10}


def test_files_of_one_process_add_up_as_those_of_runs_do():
    process = Process(((1, 11),))
    process.allocate(1000, 0, 1)
    alone = process.profile(rate=0)
    assert total(merged([alone, alone])) == 2000
    child = process.fork(2, 12)
    forked = process.profile(rate=0)
    assert total(merged([forked, forked])) == 2000
    assert total(merged([forked, forked, child.profile(rate=0)])) == 2000


def test_files_that_name_no_process_add_up():
    """Files from earlier versions, and files that other tools rewrote without the comments, are simply added up."""
    parent = Process(((1, 11),))
    parent.allocate(1000, 0, 1)
    child = parent.fork(2, 12)
    files = [parent.profile(rate=0), child.profile(rate=0)]
    for file in files:
        file.comments = ()
    assert total(merged(files)) == 2000
    for file in files:
        file.samples = [sample._replace(labels=sample.labels[:2], serials=()) for sample in file.samples]
    assert total(merged(files)) == 2000


def test_a_program_that_never_forks_writes_nothing_of_it():
    process = Process(((1, 11),))
    process.allocate(1000, 0, 1)
    process.allocate(1000, 0, 1).live = False
    profile = process.profile(rate=0)
    assert {label.key for sample in profile.samples for label in sample.labels} == {"age", "bytes", "thread"}
    assert not any(sample.serials for sample in profile.samples)


def test_serials_are_written_and_read():
    process = Process(((1, 11),))
    for size in (8, 16, 8, 8):
        process.allocate(size, 0, 1)
    process.fork(2, 12)
    process.allocate(8, 0, 1)
    samples = [sample for sample in through_a_file(process.profile(rate=0)).samples if sample.values[IN_USE]]
    assert sorted(sample.serials for sample in samples) == [(), (1, 3, 4), (2,)]
    assert all(Label("pid", None, 1) in sample.labels for sample in samples)


def test_what_was_allocated_before_a_fork_and_freed_counts_once():
    parent = Process(((1, 11),))
    for _ in range(3):
        parent.allocate(1000, 0, 1).live = False
    child = parent.fork(2, 12)
    for process, more in ((parent, 1), (child, 2)):
        for _ in range(more):
            process.allocate(1000, 0, 1).live = False
    files = [parent.profile(rate=0), child.profile(rate=0)]
    assert [total(file, ALLOCATED) for file in files] == [4000, 5000]
    for chosen, expected in (([0, 1], 6000), ([1], 5000), ([0], 4000)):
        assert by_label(merged([files[number] for number in chosen]), "pid", ALLOCATED) == {
            pid: size for pid, size in {1: 3000 + 1000 * (0 in chosen), 2: 2000 * (1 in chosen)}.items() if size
        }, expected


# ---- whole programs

MIB = 1 << 20
FUNCTIONS = ("shared", "of_parent", "of_child", "of_grandchild")


def of_command(place: Place, *words: str) -> str:
    finished = place.call([*SPPROF, *words])
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


def merged_table(place: Place, *names: str) -> dict[str, int]:
    """Return how many MiB each of the program's functions holds after a merge, and the inherited memory stated in the
    file.
    """
    of_command(place, "merge", "-f", *names, "-o", "all.pb.gz")
    document = json.loads(of_command(place, "table", "--json", "all.pb.gz"))
    held = {one["function"]: one["own"] // MIB for one in document["sites"] if one["function"] in FUNCTIONS}
    return {**held, "inherited": document["inherited_bytes"]}


def test_a_chain_of_forks_is_merged_with_and_without_its_beginning(place: Place):
    """Blocks this large go unsampled once in 10^13 runs. Smaller blocks that happen to be sampled may also be
    inherited.
    """
    place.write(specimen("forked_heaps/a_parent_a_child_and_a_grandchild"))
    assert place.run("program.py").returncode == 0
    children = sorted(name for name in os.listdir(place.folder) if name.startswith("out.") and name != "out.pb.gz")
    assert {f"out.{place.profile(name).note('pid')}.pb.gz" for name in children} == set(children)
    held = merged_table(place, "out.pb.gz", *children)
    assert held.pop("inherited") >= (64 + 24) * MIB
    assert held == {"shared": 64, "of_parent": 32, "of_child": 24, "of_grandchild": 16}
    assert "inherited by fork are counted once; pages written since" in of_command(place, "table", "all.pb.gz")
    held = merged_table(place, *children)
    assert held.pop("inherited") >= (64 + 24) * MIB
    assert held == {"shared": 64, "of_child": 24, "of_grandchild": 16}
    held = merged_table(place, "out.pb.gz")
    assert held == {"of_parent": 32, "inherited": 0}


def test_a_child_tells_what_it_inherited(child: Child):
    child.run(specimen("forked_heaps/a_child_tells_what_it_inherited"))
