"""Memory pools of libraries: Arrow's pool is reported with its size and with the setting that reveals its lines, and is
not affected.
"""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import pytest
from child import Child
from place import Place
from report_reader import read_page
from specimens import specimen
from spprof.analysis.notes import notes_of
from spprof.heap.pools import pools
from spprof.memprof import MemoryPool
from spprof.pprof.file import read_profile
from spprof.pprof.merge import merged
from spprof.pprof.pools import comments, pools_of
from spprof.pprof.profile import HEAP_TYPES, Profile
from test_cli_reports import spprof

SENTENCE = (
    "Arrow's memory pool (mimalloc) holds 300.0 MiB by its own count, outside the heap. It appears as one mapping, at "
    "the line that first used it; with ARROW_DEFAULT_MEMORY_POOL=system (spprof run --arrow-malloc) Arrow calls "
    "malloc, and spprof can show each line"
)
MIMALLOC = MemoryPool("arrow", "mimalloc", 300 << 20)


def test_every_report_names_a_loaded_librarys_pool(child: Child) -> None:
    file = child.folder / "x.pb.gz"
    assert SENTENCE in child.run(specimen("pools/loaded"), str(file)).splitlines()
    for verb in ("table", "tree", "stats"):
        assert SENTENCE in spprof(verb, file).stdout.splitlines(), verb
    for verb in ("table", "stats"):
        told = json.loads(spprof(verb, "--json", file).stdout)["pools"]
        assert told == [{"library": "arrow", "allocator": "mimalloc", "bytes": 300 << 20}], verb
    assert ["note", SENTENCE] in [list(fact) for fact in read_page(child.folder / "x.html").header["facts"]]
    assert pools_of(read_profile(str(file))) == (MIMALLOC,)


def refuse() -> NoReturn:
    raise NotImplementedError("This Arrow build does not enable it")


@pytest.mark.parametrize(
    "module",
    [
        None,
        ModuleType("pyarrow.lib"),
        SimpleNamespace(mimalloc_memory_pool=refuse, jemalloc_memory_pool=refuse),
        SimpleNamespace(mimalloc_memory_pool=None, jemalloc_memory_pool=SimpleNamespace),
        SimpleNamespace(mimalloc_memory_pool=lambda: SimpleNamespace(bytes_allocated=lambda: "many")),
        SimpleNamespace(mimalloc_memory_pool=lambda: SimpleNamespace(bytes_allocated=lambda: True)),
        SimpleNamespace(mimalloc_memory_pool=lambda: SimpleNamespace(bytes_allocated=lambda: -1)),
    ],
)
def test_a_library_that_does_not_tell_has_no_pool(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """pyarrow may not be loaded, may be half imported, or may be built without the pool. A different module may also
    have its name.
    """
    monkeypatch.setitem(sys.modules, "pyarrow.lib", module)
    assert pools() == ()


def test_where_memory_has_run_out_the_question_is_not_answered_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The MemoryError makes with_reserve free its reserve and try again."""

    def fail() -> NoReturn:
        raise MemoryError

    module: Any = SimpleNamespace(mimalloc_memory_pool=fail)
    monkeypatch.setitem(sys.modules, "pyarrow.lib", module)
    with pytest.raises(MemoryError):
        pools()


def told_by(*several: MemoryPool) -> Profile:
    return Profile(HEAP_TYPES, comments=tuple(f"{key}: {text}" for key, text in comments(several).items()))


def test_merging_adds_the_pools_of_the_processes_up() -> None:
    jemalloc = MemoryPool("arrow", "jemalloc", 5 << 20)
    whole = merged([told_by(MIMALLOC), told_by(MIMALLOC, jemalloc), told_by()])
    assert pools_of(whole) == (MemoryPool("arrow", "mimalloc", 600 << 20), jemalloc)
    assert len(list(notes_of(whole).sentences())) == 2


@pytest.mark.parametrize("text", ["pool_arrow_mimalloc: much", "pool_arrow: 5", "pool_arrow_mimalloc", "pools: 1"])
def test_comments_of_others_are_no_pools(text: str) -> None:
    assert pools_of(Profile(HEAP_TYPES, comments=(text,))) == ()


ASK = "import os, subprocess, sys; v = 'ARROW_DEFAULT_MEMORY_POOL'; print(os.environ.get(v)); "
ASK_CHILD = "print(subprocess.run([sys.executable, '-S', '-c', 'import os; print(os.environ.get(\"%s\"))' % v], "
ASK_CHILD += "capture_output=True, text=True).stdout)"


@pytest.mark.parametrize(
    ("options", "before", "expected"),
    [
        ((), None, "None"),
        ((), "jemalloc", "jemalloc"),
        (("--arrow-malloc",), None, "system"),
        (("--arrow-malloc",), "jemalloc", "system"),
    ],
)
def test_arrow_is_told_to_use_malloc_when_asked_and_only_then(
    place: Place, options: tuple[str, ...], before: str | None, expected: str
) -> None:
    place.write(ASK + ASK_CHILD)
    environment = {} if before is None else {"ARROW_DEFAULT_MEMORY_POOL": before}
    ours = place.run("program.py", options=options, environment=environment)
    assert ours.stdout.split() == [expected, expected], ours.stderr


def test_arrow_malloc_is_refused_where_there_is_no_heap_profile(place: Place) -> None:
    place.write("")
    refused = place.run("program.py", options=("--cpu", "--no-heap", "--arrow-malloc"))
    assert refused.returncode == 2
    assert "--arrow-malloc needs a heap profile" in refused.stderr
