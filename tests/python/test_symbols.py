"""Names and lines of native addresses: libraries compiled here, at invented addresses, and in a program."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from child import Child
from native import compile_text
from specimens import specimen
from spprof import _engine
from spprof.results import Frame
from spprof.symbolize import frames as symbols
from spprof.symbolize.interpreter_frames import ALLOCATING, CALLING, TELLING

BASE = 0x10_0000_0000
SIZE = 0x10_0000
BUILD_ID = "0x1122334455667788"

LIBRARY = """\
__attribute__((noinline)) static int hidden(int number) {
    __asm__ volatile("");
    return number + 1;
}
int exported(int number) {
    return hidden(number) * 2;
}
int mangled(int number) __asm__("_ZN2ns5TableIiE6insertEi");
int mangled(int number) {
    return hidden(number) * 3;
}
int PyObject_Call(int number) {
    return hidden(number) * 4;
}
int PyObject_Malloc(int number) {
    return hidden(number) * 5;
}
"""
LINE_OF = {"hidden": 1, "exported": 5, "ns::Table<int>::insert": 9}


class Library:
    """A compiled library, and words for calls in its functions as if it were loaded at BASE."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.with_suffix(".c")
        listed = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
        self._starts = {line.split()[2]: int(line.split()[0], 16) for line in listed.splitlines() if line[0] != " "}

    def word(self, linker_name: str, after: int = 1, generation: int = 0) -> int:
        """Return the word for a return address ``after`` bytes past the function's start."""
        return generation << 48 | BASE + self._starts[linker_name] + after

    def module(self, generation: int = 0, build_id: bytes = b"", path: Path | None = None) -> tuple[object, ...]:
        return (BASE, BASE + SIZE, BASE, generation, str(path or self.path), build_id)

    def stripped(self, *options: str) -> Path:
        copy = self.path.with_name("stripped-" + self.path.name)
        run_tool("strip", *options, "-o", str(copy), str(self.path))
        return copy


def run_tool(*command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    if shutil.which("nm") is None:
        pytest.skip("there is no nm")
    path = tmp_path_factory.mktemp("symbols") / "specimen.so"
    return Library(compile_text(LIBRARY, path, "-O0", f"-Wl,--build-id={BUILD_ID}"))


class Loaded:
    """The engine's modules, and how many symbols of each file were requested."""

    def __init__(self) -> None:
        self.modules: list[tuple[object, ...]] = []
        self.asked: list[tuple[str, int]] = []


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Simulate an engine with other modules, whose words are not yet known to this process."""
    state = Loaded()
    ask = _engine.symbols

    def symbols_of(path: str, build_id: bytes, addresses: list[int]) -> object:
        state.asked.append((os.path.basename(path), len(addresses)))
        return ask(path, build_id, addresses)

    monkeypatch.setattr(_engine, "modules", lambda: state.modules)
    monkeypatch.setattr(_engine, "symbols", symbols_of)
    monkeypatch.setattr(symbols, "_symbols", {})
    return state


def frame_of(word: int) -> Frame:
    symbols.learn([word])
    return symbols.symbols_of([word])[0].frame


def has_libdw(library: Library) -> bool:
    return _engine.lines(str(library.path), [library.word("exported") - 1 - BASE])[0] is not None


# ---- Contents of a frame


def test_a_frame_has_function_file_line_and_return_address(library: Library, loaded: Loaded) -> None:
    loaded.modules = [library.module()]
    if not has_libdw(library):
        pytest.skip("libdw.so.1 is not installed")
    for linker_name, function in (
        ("hidden", "hidden"),
        ("exported", "exported"),
        ("_ZN2ns5TableIiE6insertEi", "ns::Table<int>::insert"),
    ):
        word = library.word(linker_name)
        if function.startswith("ns::") and _engine.demangle(linker_name) is None:
            continue
        assert frame_of(word) == Frame(function, str(library.source), LINE_OF[function], word, False)


def test_without_lines_the_file_is_the_module(library: Library, loaded: Loaded) -> None:
    plain = library.path.with_name("plain.so")
    run_tool("objcopy", "--strip-debug", str(library.path), str(plain))
    loaded.modules = [library.module(path=plain)]
    word = library.word("hidden")
    assert frame_of(word) == Frame("hidden", str(plain), 0, word, False)


def test_without_libdw_there_are_no_lines(library: Library, loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "lines", lambda path, addresses: [None for _ in addresses])
    loaded.modules = [library.module()]
    word = library.word("hidden")
    assert frame_of(word) == Frame("hidden", str(library.path), 0, word, False)


def test_a_stripped_library_tells_what_it_exports_and_else_offsets(library: Library, loaded: Loaded) -> None:
    stripped = library.stripped()
    loaded.modules = [library.module(path=stripped)]
    exported, hidden = library.word("exported"), library.word("hidden")
    assert frame_of(exported) == Frame("exported", str(stripped), 0, exported, False)
    offset = f"stripped-specimen.so+0x{hidden - BASE:x}"
    assert frame_of(hidden) == Frame(offset, str(stripped), 0, hidden, False)


def test_a_return_address_belongs_to_the_call_before_it(library: Library, loaded: Loaded) -> None:
    """A call that does not return may be the last instruction of its function."""
    loaded.modules = [library.module()]
    assert frame_of(library.word("exported", after=1)).function == "exported"
    assert frame_of(library.word("exported", after=0)).function != "exported"
    end = (BASE + SIZE) - 1
    assert frame_of(end + 1).function == f"specimen.so+0x{SIZE:x}"
    assert frame_of(end + 2).function == f"0x{BASE + SIZE + 1:x}"


def test_an_address_outside_of_modules_is_told_as_it_is(loaded: Loaded) -> None:
    assert frame_of(0x7F0000001234) == Frame("0x7f0000001234", "", 0, 0x7F0000001234, False)


def test_what_has_no_file_tells_its_name_and_offset(
    library: Library, loaded: Loaded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy(library.path, tmp_path / "linux-vdso.so.1")  # a foreign file
    monkeypatch.chdir(tmp_path)
    loaded.modules = [library.module(path=Path("linux-vdso.so.1"))]
    word = library.word("exported")
    assert frame_of(word) == Frame(f"linux-vdso.so.1+0x{word - BASE:x}", "linux-vdso.so.1", 0, word, False)


# ---- Choice of the file


def test_each_generation_of_a_place_has_its_own_names(library: Library, loaded: Loaded, tmp_path: Path) -> None:
    other = Library(
        compile_text("int exported(void) { return 1; }\nint later(void) { return 2; }", tmp_path / "other.so")
    )
    loaded.modules = [library.module(), other.module(generation=1)]
    assert frame_of(library.word("hidden")).function == "hidden"
    assert frame_of(other.word("later", generation=1)).function == "later"
    assert frame_of(other.word("later", generation=1)).address == other.word("later")
    assert frame_of(other.word("later", generation=2)).function == f"0x{other.word('later'):x}"


def test_a_file_that_was_replaced_is_not_believed(library: Library, loaded: Loaded) -> None:
    right, wrong = bytes.fromhex(BUILD_ID[2:]), bytes(8)
    word = library.word("hidden")
    loaded.modules = [library.module(build_id=right)]
    assert frame_of(word).function == "hidden"
    symbols._symbols.clear()
    loaded.modules = [library.module(build_id=wrong)]
    assert frame_of(word) == Frame(f"specimen.so+0x{word - BASE:x}", str(library.path), 0, word, False)
    symbols._symbols.clear()
    loaded.modules = [library.module(path=Path("/nowhere/gone.so"))]
    assert frame_of(word) == Frame(f"gone.so+0x{word - BASE:x}", "/nowhere/gone.so", 0, word, False)


def test_a_separate_debug_file_of_the_same_build_tells_what_was_stripped(
    library: Library, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "_DEBUG_FILES", str(tmp_path))
    build_id = bytes.fromhex(BUILD_ID[2:])
    debug = tmp_path / BUILD_ID[2:4] / f"{BUILD_ID[4:]}.debug"
    debug.parent.mkdir()
    run_tool("objcopy", "--only-keep-debug", str(library.path), str(debug))
    word = library.word("hidden")
    loaded.modules = [library.module(path=library.stripped(), build_id=build_id)]
    expected = (str(library.source), LINE_OF["hidden"]) if has_libdw(library) else (loaded.modules[0][4], 0)
    assert frame_of(word) == Frame("hidden", *expected, word, False)  # type: ignore[arg-type]
    symbols._symbols.clear()
    shutil.copy(library.path, debug)
    run_tool("objcopy", "--remove-section=.note.gnu.build-id", str(debug))
    assert frame_of(word).function.startswith("stripped-specimen.so+0x")


# ---- Few queries


def test_words_are_looked_up_together_and_once(library: Library, loaded: Loaded) -> None:
    loaded.modules = [library.module()]
    names = ["hidden", "exported", "PyObject_Call", "PyObject_Malloc"]
    words = [library.word(name, after) for name in names for after in (1, 2, 3)]
    symbols.learn([*words, *words])
    assert loaded.asked == [("specimen.so", len(words))]
    symbols.learn(words)
    assert len(loaded.asked) == 1
    one, other = library.word("hidden", 4), library.word("exported", 4)
    symbols.learn([*words, one, other])
    assert loaded.asked[1:] == [("specimen.so", 2)]
    found = symbols.symbols_of([*words, one, other])
    assert [known.frame.function for known in found] == [
        *[name for name in names for _ in range(3)],
        "hidden",
        "exported",
    ]


def test_only_the_interpreters_own_functions_play_a_role(
    library: Library, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [library.word("PyObject_Call"), library.word("PyObject_Malloc"), library.word("exported")]
    loaded.modules = [library.module()]
    symbols.learn(words)
    assert [known.role for known in symbols.symbols_of(words)] == [TELLING, TELLING, TELLING]
    symbols._symbols.clear()
    monkeypatch.setattr(_engine, "interpreter_address", lambda: BASE)
    asked: list[int] = []
    monkeypatch.setattr(_engine, "lines", lambda path, places: asked.extend(places) or [None] * len(places))
    symbols.learn(words)
    assert [known.role for known in symbols.symbols_of(words)] == [CALLING, ALLOCATING, TELLING]
    assert words[0] - 1 - BASE not in asked  # this frame is never shown
    assert words[2] - 1 - BASE in asked


def test_threads_that_meet_words_at_once_get_the_same_frames(library: Library, loaded: Loaded) -> None:
    loaded.modules = [library.module()]
    words = [library.word("exported", after) for after in range(1, 6)]
    found: list[list[Frame]] = []
    barrier = threading.Barrier(4)

    def look() -> None:
        barrier.wait()
        symbols.learn(words)
        found.append([known.frame for known in symbols.symbols_of(words)])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one is other for frames in found for one, other in zip(frames, found[0]))


# ---- What the extension reads


def test_a_long_name_is_told_whole(tmp_path: Path) -> None:
    name = "f" * 3000
    library = Library(compile_text(f"int {name}(void) {{ return 1; }}", tmp_path / "long.so"))
    place = library.word(name) - 1 - BASE
    assert _engine.symbols(str(library.path), b"", [place])[3] == [(name, place)]


def test_a_source_named_from_the_compilers_folder_is_told_with_it(library: Library, tmp_path: Path) -> None:
    if not has_libdw(library):
        pytest.skip("libdw.so.1 is not installed")
    source = tmp_path / "sources" / "relative.c"
    source.parent.mkdir()
    source.write_text("int f(void) {\n    return 1;\n}\n", encoding="utf-8")
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-g", "-O0", "-shared", "sources/relative.c", "-o", "relative.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    relative = Library(tmp_path / "relative.so")
    assert _engine.lines(str(relative.path), [relative.word("f") - 1 - BASE]) == [(str(source), 1)]


def test_lines_are_found_without_an_index_of_addresses(library: Library, tmp_path: Path) -> None:
    places = sorted(library.word(name) - 1 - BASE for name in ("hidden", "exported"))
    copy = tmp_path / "copy.so"
    run_tool("objcopy", "--remove-section=.debug_aranges", str(library.path), str(copy))
    assert _engine.lines(str(copy), [1, *places, SIZE]) == _engine.lines(str(library.path), [1, *places, SIZE])


# ---- Lines of unexpected files


def test_lines_of_what_is_no_such_file_are_not_known(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no object\n" * 1000, encoding="ascii")
    os.mkfifo(tmp_path / "fifo")
    for name in ("empty", "text", "fifo", ".", "missing"):
        assert _engine.lines(str(tmp_path / name), [1, 2]) == [None, None]
    assert _engine.lines(str(tmp_path / "empty"), []) == []


def test_a_file_too_large_to_be_read_has_no_lines(library: Library, tmp_path: Path) -> None:
    huge = tmp_path / "huge.so"
    shutil.copy(library.path, huge)
    os.truncate(huge, 1 << 30)
    place = library.word("exported") - 1 - BASE
    assert _engine.lines(str(huge), [place]) == [None]
    assert _engine.symbols(str(huge), b"", [place])[3] == [("exported", place)]


def test_a_library_cut_anywhere_has_no_lines_and_does_no_harm(library: Library, child: Child) -> None:
    child.run(
        f"""
        import os
        from spprof import _engine
        whole = open({str(library.path)!r}, "rb").read()
        for size in range(1, len(whole), 61):
            with open("cut.so", "wb") as file: file.write(whole[:size])
            assert len(_engine.lines("cut.so", [1, 0x1100, 1 << 40])) == 3
            assert _engine.symbols("cut.so", b"", [1])[0] != "found"
        """
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: _engine.symbols("x", b"", [-1]),
        lambda: _engine.symbols("x", b"", [1 << 64]),
        lambda: _engine.lines("x", [-1]),
    ],
)
def test_numbers_that_are_no_addresses_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OverflowError):
        call()


# ---- In a program

ALLOCATING_LIBRARY = """\
#include <stdlib.h>
__attribute__((noinline)) static void *inner(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
void *NAME(size_t size) {
    void *block = inner(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
"""


def test_a_librarys_blocks_are_told_by_its_functions_also_when_it_is_gone(child: Child) -> None:
    for name in ("first", "second"):
        compile_text(ALLOCATING_LIBRARY.replace("NAME", name), child.folder / f"{name}.so")
    told = child.run(specimen("symbols/a_librarys_blocks_are_told_by_its_functions_also_when_it_is_gone"))
    lines = told.splitlines()
    assert [line.split()[:4] for line in lines[:2]] == [
        ["70001", "inner", "first", "True"],
        ["70002", "inner", "second", "True"],
    ]
    assert {line.split()[4] for line in lines[:2]} in ({"first.c", "second.c"}, {"first.so", "second.so"})
    assert lines[2] == "['inner']"


def test_a_second_snapshot_looks_up_what_is_new(child: Child) -> None:
    library = compile_text(ALLOCATING_LIBRARY.replace("NAME", "allocate"), child.folder / "allocate.so")
    told = child.run(specimen("symbols/a_second_snapshot_looks_up_what_is_new"), str(library))
    assert told.splitlines() == ["True True", "[]"]


MANGLED_LIBRARY = """\
#include <stdlib.h>
void *mangled(unsigned long size) __asm__("_ZN2ns4makeEm");
void *mangled(unsigned long size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
"""


def test_looking_up_loses_no_free_and_the_libraries_that_help_are_never_seen(child: Child) -> None:
    library = compile_text(MANGLED_LIBRARY, child.folder / "mangled.so")
    told = child.run(specimen("symbols/looking_up_loses_no_free"), str(library))
    assert told == "True\n0 0\n[]\n"
