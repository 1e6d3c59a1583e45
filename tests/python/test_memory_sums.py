"""The sums of the parts of resident memory, compared with each allocator's own count."""

from __future__ import annotations

import ctypes
import json
import mmap
import struct
import sys

import pytest
from child import Child, library_path
from native import compile_library, compile_text
from specimens import FOLDER, specimen
from spprof import _engine
from test_counted_once import foreign_libraries

Growth = dict[str, int]
BYTES_HEADER = sys.getsizeof(b"")
FOREIGN = foreign_libraries()
PYTHON_MALLOCS = ["pymalloc", "malloc", "pymalloc_debug", "malloc_debug"]
MIMALLOCS = ["mimalloc", "mimalloc_debug"] if sys.version_info >= (3, 13) else []


def grown(child: Child, *words: object, **environment: str) -> tuple[Growth, Growth]:
    """Return the growth of each part with all blocks, and with half of them freed."""
    program = specimen("memory_sums/grown")
    whole, half = json.loads(child.run(program, *map(str, words), environment=environment))
    return whole, half


def assert_explained(growth: Growth) -> None:
    """Check that the sums are correct within 5 %."""
    assert growth["rss"] > 64 << 20
    assert abs(growth["rest"]) * 20 <= growth["rss"], growth


def assert_about(size: int, expected: int) -> None:
    assert abs(size - expected) * 10 <= expected, (size, expected)


@pytest.mark.parametrize("profiled", ["plain", "profiled"])
@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc"])
def test_another_mallocs_own_count_says_what_is_free(child: Child, name: str, profiled: str) -> None:
    if name not in FOREIGN:
        pytest.skip(f"{name} is not on this machine")
    whole, half = grown(child, 1000, 100_000, profiled, LD_PRELOAD=FOREIGN[name])
    assert_explained(whole)
    assert_explained(half)
    assert_about(whole["native_blocks"], 100_000_000)
    assert_about(half["native_blocks"], whole["native_blocks"] // 2)
    assert_about(half["malloc_free"] - whole["malloc_free"], whole["native_blocks"] // 2)


def test_behind_the_preloaded_profiler_another_malloc_is_asked(child: Child) -> None:
    if "jemalloc" not in FOREIGN:
        pytest.skip("jemalloc is not on this machine")
    whole, half = grown(child, 1000, 100_000, "profiled", LD_PRELOAD=f"{library_path()}:{FOREIGN['jemalloc']}")
    assert_explained(half)
    assert_about(half["malloc_free"] - whole["malloc_free"], whole["native_blocks"] // 2)


@pytest.mark.parametrize("malloc", ["pymalloc", "malloc"])
@pytest.mark.parametrize("profiled", ["plain", "profiled"])
def test_all_of_a_malloc_that_says_nothing_counts_as_in_use(child: Child, profiled: str, malloc: str) -> None:
    if "mimalloc" not in FOREIGN:
        pytest.skip("mimalloc is not on this machine")
    whole, half = grown(child, 1000, 100_000, profiled, LD_PRELOAD=FOREIGN["mimalloc"], PYTHONMALLOC=malloc)
    assert_explained(whole)
    assert_explained(half)
    assert_about(whole["native_blocks"], 100_000_000)
    assert "malloc_free" not in half


@pytest.mark.parametrize("size", [200, 1000])
@pytest.mark.parametrize("malloc", PYTHON_MALLOCS)
def test_blocks_are_explained_whatever_serves_them(child: Child, malloc: str, size: int) -> None:
    whole, half = grown(child, size, 100_000_000 // size, "profiled", PYTHONMALLOC=malloc)
    assert_explained(whole)
    assert_explained(half)
    used = "python_objects" if size < 512 and malloc.startswith("pymalloc") else "native_blocks"
    free = "pymalloc_free" if used == "python_objects" else "malloc_free"
    taken = whole[used] + whole["rounding"]
    assert taken >= 100_000_000
    assert_about(half[used] + half["rounding"], taken // 2)
    assert_about(half[free], taken // 2)


SETTINGS = [
    {"MALLOC_ARENA_MAX": "1"},
    {"MALLOC_PERTURB_": "165"},
    {"MALLOC_TOP_PAD_": str(64 << 20)},
    {"MALLOC_MMAP_THRESHOLD_": "4096"},
    {"MALLOC_MMAP_MAX_": "0"},
    {"MALLOC_CHECK_": "3", "LD_PRELOAD": "libc_malloc_debug.so.0"},
    {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"},
    {"GLIBC_TUNABLES": "glibc.malloc.mxfast=160"},
    {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"},
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("setting", "size"),
    [(setting, 5000) for setting in SETTINGS] + [({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"}, 200)],
    ids=lambda one: "-".join(one.values()) if isinstance(one, dict) else str(one),
)
def test_blocks_are_explained_whatever_malloc_is_told(child: Child, setting: dict[str, str], size: int) -> None:
    """If each of the larger blocks has its own mapping, freeing every second one leaves holes among 20,000 regions."""
    interleaved = size == 200 and "hugetlb=2" in str(setting)  # pool arenas alternate with pieces of the heap
    for malloc in ("malloc", "pymalloc") if interleaved else ("malloc",):
        whole, half = grown(child, size, 100_000_000 // size, "profiled", PYTHONMALLOC=malloc, **setting)
        assert_explained(whole)
        assert_explained(half)
        used = "python_objects" if malloc == "pymalloc" else "native_blocks"
        taken = whole[used] + whole["rounding"]
        assert taken >= 100_000_000
        assert_about(half[used] + half["rounding"], taken // 2)


def test_pools_are_found_while_every_allocation_is_sampled(child: Child) -> None:
    program = """
        import spprof.memprof as memprof
        kept = [bytes(100) for _ in range(100_000)]
        memprof.start(0)
        found = memprof.get_snapshot().resident
        print(next((part.bytes for part in found.parts if part.name == "python_objects"), 0))
        """
    assert int(child.run(program)) >= 100_000 * 144


@pytest.mark.parametrize("profiled", ["plain", "profiled"])
@pytest.mark.parametrize("malloc", MIMALLOCS)
def test_pythons_mimalloc_counts_as_in_use(child: Child, malloc: str, profiled: str) -> None:
    whole, half = grown(child, 1000, 100_000, profiled, PYTHONMALLOC=malloc)
    assert_explained(whole)
    assert_explained(half)
    assert whole["python_objects"] >= 95_000_000  # a few of the profiler's own objects come and go


@pytest.mark.parametrize("malloc", ["pymalloc", "pymalloc_debug"])
@pytest.mark.parametrize("state", ["fresh", "used", "half", "freed"])
def test_pools_are_as_python_itself_counts_them(child: Child, state: str, malloc: str) -> None:
    """A few objects come and go between the two counts."""
    said = child.run(specimen("memory_sums/pools"), state, "0", environment={"PYTHONMALLOC": malloc})
    (used, arenas), (our_used, our_arenas, resident) = json.loads(said)
    assert abs(used - our_used) <= 4096
    assert arenas == our_arenas
    assert our_used <= resident


def test_arenas_take_nothing_of_the_blocks_above_them(child: Child) -> None:
    total, grown, unexplained = json.loads(child.run(specimen("memory_sums/beside_arenas")))
    assert total <= grown <= total + (4 << 20), (total, grown)
    assert abs(unexplained) < 1 << 20


@pytest.mark.parametrize("state", ["used", "half"])
def test_a_part_of_many_pools_stands_for_all(child: Child, state: str) -> None:
    """About 500 of 4,000 pools are read. All arenas are still located, except possibly one with few pools."""
    said = json.loads(child.run(specimen("memory_sums/pools"), state, "500"))
    (used, arenas), (our_used, our_arenas, resident) = said
    assert abs(used - our_used) * 8 <= used
    assert 0 <= arenas - our_arenas <= 1
    assert our_arenas << 20 >= resident > 0.9 * (our_arenas << 20) or sys.version_info < (3, 10)


def test_without_pools_there_are_none(child: Child) -> None:
    said = child.run(specimen("memory_sums/pools"), "used", "0", environment={"PYTHONMALLOC": "malloc"})
    assert json.loads(said) is None


def test_the_heap_of_a_forked_child_is_one(child: Child) -> None:
    pieces, ours, said = json.loads(child.run(specimen("memory_sums/in_children")))
    assert pieces > 1
    assert said > 10 << 20
    assert abs(ours - said) * 100 <= said


@pytest.mark.long
@pytest.mark.parametrize("malloc", ["glibc", "jemalloc", "tcmalloc", "mimalloc"])
def test_children_forked_while_others_ask_malloc_ask_it_too(child: Child, malloc: str) -> None:
    """The loader's lock, or malloc's own, may be held by a thread that does not exist in the child."""
    if malloc != "glibc" and malloc not in FOREIGN:
        pytest.skip(f"{malloc} is not on this machine")
    library = compile_library(FOLDER / "lookups" / "lookups.c", child.folder / "lookups.so", "-ldl")
    environment = {"LD_PRELOAD": FOREIGN.get(malloc, "")}
    child.run(specimen("memory_sums/forks"), str(library), "60", environment=environment)


@pytest.mark.parametrize("preload", [False, True])
def test_data_without_bytes_in_a_file_is_its_librarys(child: Child, preload: bool) -> None:
    """The first word of the data looks like a malloc block."""
    size = 8 << 20
    text = f"""
        static volatile union {{ unsigned long words[2]; char bytes[{size} + 4096]; }} zeros
            __attribute__((aligned(4096)));
        void write_to(unsigned long size) {{
            for (unsigned long at = 0; at < size; at++) zeros.bytes[at] = 1;
            zeros.words[0] = 0, zeros.words[1] = {size} | 2;
        }}
        """
    library = compile_text(text, child.folder / "zeros.so")
    grown = json.loads(child.run(specimen("memory_sums/zeroed_data"), str(library), str(size // 2), preload=preload))
    assert 0 <= grown["files"] - size // 2 <= 64 << 10, grown
    assert abs(grown["native_blocks"]) < 1 << 20
    assert abs(grown["unexplained"]) < 512 << 10


def test_reports_and_trimming_go_on_in_handlers_of_signals(child: Child) -> None:
    child.run(specimen("memory_sums/handlers"), "50")


def test_a_program_may_end_while_reports_are_made(child: Child) -> None:
    for _ in range(3):
        assert child.run(specimen("memory_sums/at_exit")) == "reported at exit\n"


def test_memory_that_goes_away_meanwhile_is_never_touched(child: Child) -> None:
    child.run(specimen("memory_sums/going"), "40")


def told_with_refusals(child: Child, burners: dict[str, str], calls: str, error: str) -> list[dict[str, int] | None]:
    said = child.run(specimen("memory_sums/refused"), calls, error, environment=burners)
    if said.startswith("no seccomp here"):
        pytest.skip(said)
    told: list[dict[str, int] | None] = json.loads(said)
    return told


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_memory_is_read_by_another_way_where_the_kernel_refuses_to_copy(
    child: Child, burners: dict[str, str], error: str
) -> None:
    """The seccomp profiles of old containers refuse such calls."""
    before, *after = told_with_refusals(child, burners, "process_vm_readv", error)
    assert before is not None
    for now in after:
        assert now is not None
        assert all(size > 5 << 20 and abs(now[name] - size) <= size / 10 + (4 << 20) for name, size in before.items())


def test_what_nobody_may_look_at_is_not_told(child: Child, burners: dict[str, str]) -> None:
    """A part whose source is unreadable is omitted. Without the kernel's list, there is no report."""
    for now in told_with_refusals(child, burners, "process_vm_readv+mincore", "EPERM")[1:]:
        assert now is not None
        assert now["malloc_free"] == now["pymalloc_free"] == 0
    assert told_with_refusals(child, burners, "process_vm_readv+openat", "EPERM")[1:] == [None, None]


def test_what_has_gone_since_the_snapshot_is_in_no_part(child: Child) -> None:
    before, after, unexplained = json.loads(child.run(specimen("memory_sums/given_back")))
    assert before - after >= 48 << 20
    assert abs(unexplained) < 1 << 20


@pytest.mark.skipif(sys.version_info < (3, 11), reason="frames are objects")
@pytest.mark.parametrize("where", ["first", "other"])
def test_frames_of_nested_calls_are_of_their_threads_stack(child: Child, where: str) -> None:
    frames, grown, unexplained = json.loads(child.run(specimen("memory_sums/nested_calls"), where))
    assert frames >= 100_000 * 80
    assert abs(frames - grown) < 512 << 10
    assert abs(unexplained) < 2 << 20


@pytest.mark.long
@pytest.mark.parametrize("preload", [False, True])
def test_reports_are_made_beside_threads_forks_and_handlers(child: Child, preload: bool) -> None:
    said = child.run(specimen("memory_sums/beside_threads"), "15", preload=preload)
    assert said.startswith("longest step: ")
    print(said)


def test_rounding_is_a_part_of_its_own(child: Child) -> None:
    """Pools round blocks of 97 bytes up to 112, and malloc rounds blocks of 633 up to 656. Each estimate is based on
    about 6,000 samples.
    """
    small = json.loads(child.run(specimen("memory_sums/rounded"), "1000000", str(97 - BYTES_HEADER)))
    assert_about(small["rounding"], 15_000_000)
    assert_about(small["python_objects"], 97_000_000)
    large = json.loads(child.run(specimen("memory_sums/rounded"), "150000", str(633 - BYTES_HEADER)))
    assert_about(large["rounding"], 150_000 * 23)
    assert_about(large["native_blocks"], 150_000 * 633)


def test_rounding_of_another_malloc_is_not_told(child: Child) -> None:
    if "jemalloc" not in FOREIGN:
        pytest.skip("jemalloc is not on this machine")
    program = specimen("memory_sums/rounded")
    environment = {"LD_PRELOAD": FOREIGN["jemalloc"]}
    assert "rounding" not in json.loads(child.run(program, "1000", "1000", environment=environment))


def test_where_nothing_is_in_pools_all_is_rounded_as_malloc_does(child: Child) -> None:
    program = specimen("memory_sums/rounded")
    environment = {"PYTHONMALLOC": "malloc"}
    found = json.loads(child.run(program, "1000000", str(97 - BYTES_HEADER), environment=environment))
    assert_about(found["rounding"], 15_000_000)  # chunks of 112
    assert "python_objects" not in found


POOL, ARENA = (16 << 10, 1 << 20) if sys.version_info >= (3, 10) else (4 << 10, 256 << 10)


@pytest.mark.parametrize("is_aligned", [True, False])
def test_an_arena_ends_before_what_follows_it(is_aligned: bool) -> None:
    """An arena whose start is not a multiple of the pool size holds one pool less."""
    page = mmap.PAGESIZE
    if page == POOL and not is_aligned:
        pytest.skip("pools of one page fit into every arena equally")
    place = mmap.mmap(-1, 3 * ARENA)
    address = ctypes.addressof(ctypes.c_char.from_buffer(place))
    first = -address % POOL + POOL  # the first pool's offset in the mapping
    arena_end = first + ARENA - (0 if is_aligned else page)
    for pool in range(first, arena_end - POOL + 1, POOL):
        _write_pool(place, pool, address + pool)
    place[arena_end : arena_end + 8] = b"another'"
    _, used, resident, places = _engine.python_pools([(address, address + 3 * ARENA)], 0) or pytest.fail("no pools")
    ((start, end),) = struct.iter_unpack("=QQ", places)
    pools = ARENA // POOL - (not is_aligned)
    assert (start - address, end - address) == (first, first + pools * POOL)
    assert used == pools * 100 * 32
    assert resident == pools * page


def _write_pool(place: mmap.mmap, at: int, address: int) -> None:
    """Write the header of a pool of 32-byte blocks, a hundred of which are in use."""
    free_block = address + 48
    arena, size_class, next_offset, last_offset = 7, 1, POOL, POOL - 32
    place[at : at + 48] = struct.pack("=QQQQIIII", 100, free_block, 0, 0, arena, size_class, next_offset, last_offset)
