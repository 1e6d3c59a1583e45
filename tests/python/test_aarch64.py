"""The engine on aarch64: cross-compiled, and run by an emulator.

The ordinary C tests cover what must be equal on both architectures; tests/aarch64 covers what exists only on this one.
"""

from __future__ import annotations

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cross import CPUS, ROOT, Toolchain, attempt, find_toolchain, output_of, unpack
from specimens import specimen

pytestmark = [pytest.mark.packaging, pytest.mark.nightly]

SOURCES = ROOT / "tests" / "aarch64"
USUAL = "-std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE".split()
INCLUDED = ("include", "src/base", "src/core", "src/core/unwind", "src/core/unwind/aarch64")
ENGINE_HEADERS = [f"-iquote{ROOT / folder}" for folder in INCLUDED]

# specimens.c is compiled once for each set; the names are those in specimen_sets.c.
NO_TABLES = "-fno-asynchronous-unwind-tables -fno-unwind-tables"
SETS = {
    "usual": "",
    "unoptimized": "-O0",
    "small": "-Os",
    "omitting": "-fomit-frame-pointer",
    "keeping": "-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer",
    "protected": "-fstack-protector-all",
    "clashing": "-fstack-clash-protection",
    "authenticated": "-mbranch-protection=standard",
    "authenticated_omitting": "-mbranch-protection=pac-ret+leaf -fomit-frame-pointer",
    "authenticated_by_other_key": "-mbranch-protection=pac-ret+b-key",
    "untabled_with_frame_pointers": f"{NO_TABLES} -fno-omit-frame-pointer",
    "untabled_without": f"{NO_TABLES} -fomit-frame-pointer",
}
SHARED = ["handwritten", "specimen_sets", "places", "traps"]
WITH_ENGINE = ["test_chains", "test_signals", "test_instructions", "test_rules", "test_addresses"]


@dataclass(frozen=True)
class Build:
    """The engine's build, and objects of tests/aarch64 by name."""

    tools: Toolchain
    engine: Path
    objects: Path

    def link(self, name: str, *more: str | Path) -> Path:
        program = self.objects / name
        shared = [self.objects / f"{one}.o" for one in [name, *SHARED, *SETS]]
        self.tools.compile("-o", program, *shared, *more)
        return program

    def link_with_engine(self, name: str, *options: str) -> Path:
        archives = [self.engine / "src/core/libcore.a", self.engine / "src/base/libbase.a"]
        return self.link(name, self.objects / "frames.o", *archives, "-lm", *options)


def compile_objects(tools: Toolchain, folder: Path) -> None:
    commands: list[list[str | Path]] = [
        [*USUAL, f"-DSET={name}", *flags.split(), SOURCES / "specimens.c", "-o", folder / f"{name}.o"]
        for name, flags in SETS.items()
    ]
    for source in sorted(set(SOURCES.glob("*.c")) - {SOURCES / "specimens.c", SOURCES / "plugin.c"}):
        # malloc is redirected to the hooks, so the compiler must not treat it as a builtin.
        commands.append([*USUAL, *ENGINE_HEADERS, "-fno-builtin", source, "-o", folder / f"{source.stem}.o"])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda command: tools.compile("-c", *command), commands))


@pytest.fixture(scope="module")
def tools() -> Toolchain:
    return find_toolchain()


@pytest.fixture(scope="module")
def build(tools: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("aarch64")
    objects = folder / "objects"
    objects.mkdir()
    compile_objects(tools, objects)
    return Build(tools, tools.build(folder / "engine"), objects)


def check_tap(printed: str, name: str) -> None:
    """Check that the program ran all of its tests."""
    expected = re.findall(r"^    RUN\((\w+)\);", (SOURCES / f"{name}.c").read_text(), re.MULTILINE)
    assert expected
    assert re.findall(r"^ok (\w+)$", printed, re.MULTILINE) == expected
    print(printed)


# ---- The unwinder ----


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", [name for name in WITH_ENGINE if name != "test_rules"])
def test_the_unwinder(build: Build, name: str, cpu: str) -> None:
    check_tap(build.tools.run(build.link_with_engine(name), cpu=cpu), name)


def test_rules_of_32_bits_say_what_their_rows_say(build: Build) -> None:
    check_tap(build.tools.run(build.link_with_engine("test_rules")), "test_rules")


def test_linkage_between_guarded_pages_is_followed(build: Build) -> None:
    """In a guarded linkage table, entries begin with a different instruction. The program's own entry point is not a
    valid branch target, so the emulated processor has no branch target identification.
    """
    program = build.link_with_engine("test_instructions", "-no-pie", "-Wl,-z,force-bti")
    check_tap(build.tools.run(program, cpu="plain"), "test_instructions")


# ---- The library ----


@pytest.fixture(scope="module")
def library(build: Build) -> Path:
    return build.engine / "libspprof_alloc.so"


@pytest.fixture(scope="module")
def guarded_library(tools: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a library in which every function signs its return address and can only be branched to at its first
    instruction. Code that the compiler would add does not comply, so it is left out.
    """
    folder = tmp_path_factory.mktemp("guarded")
    engine = tools.build(folder / "engine", "-Dc_args=-mbranch-protection=standard -mno-outline-atomics")
    library = folder / "libspprof_alloc.so"
    exports = f"--version-script={ROOT / 'src/libspprof_alloc.map'}"
    linker = ["-z,force-bti", "-z,now", "-z,nodelete", f"-soname,{library.name}", exports, "--defsym=__dso_handle=0"]
    objects = sorted((engine / "libspprof_alloc.so.p").glob("*.o"))
    archives = [engine / "src/core/libcore.a", engine / "src/base/libbase.a"]
    tools.compile(
        "-shared",
        "-nostartfiles",
        *(f"-Wl,{option}" for option in linker),
        "-o",
        library,
        *objects,
        "-Wl,--whole-archive",
        *archives,
        "-Wl,--no-whole-archive",
        "-lm",
    )
    return library


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kind", ["library", "guarded_library"])
def test_samples_of_a_preloaded_library_have_whole_stacks(
    request: pytest.FixtureRequest, build: Build, kind: str, cpu: str
) -> None:
    engine = request.getfixturevalue(kind)
    printed = build.tools.run(build.link("test_preload"), cpu=cpu, variables=f"LD_PRELOAD={engine}")
    check_tap(printed, "test_preload")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kind", ["library", "guarded_library"])
def test_a_running_program_is_patched(
    request: pytest.FixtureRequest, build: Build, tmp_path: Path, kind: str, cpu: str
) -> None:
    engine = request.getfixturevalue(kind)
    (tmp_path / engine.name).symlink_to(engine)
    build.tools.compile(*USUAL, "-fPIC", "-shared", SOURCES / "plugin.c", "-o", tmp_path / "libplugin.so")
    program = build.link("test_patch", f"-Wl,--enable-new-dtags,-rpath,{tmp_path}")
    check_tap(build.tools.run(program, cpu=cpu), "test_patch")


# ---- The ordinary C tests ----

# Tests that involve addresses, registers, tables and atomic words. The others would take minutes and prove little.
C_TESTS = """
    test_base test_cfi test_dwarf_reader test_eh_entries test_eh_frame test_expression test_last_walk test_memory
    test_merge test_other_allocator test_rule test_rule_cache test_scratch test_stack_table test_unwind
    test_unwind_signals test_weight
"""
# Version 7.2 of the emulator does not place mappings where the kernel would, even if a program requests an address.
NOT_EMULATED = "test_a_coroutine_below_the_threads_data_is_not_taken_for_its_stack"


@pytest.fixture(scope="module")
def c_tests(build: Build) -> Path:
    """The engine's build folder, including its tests."""
    cmocka = unpack("aarch64-cmocka", "libcmocka-dev:arm64 libcmocka0:arm64")
    build.tools.extend(build.engine, "-Dtests=true", f"-Dcmocka_prefix={cmocka / 'usr'}")
    return build.engine


def test_the_ordinary_c_tests(tools: Toolchain, c_tests: Path) -> None:
    command = ("meson", "test", "-C", c_tests, "--no-rebuild", "--print-errorlogs")
    output_of(*command, *C_TESTS.split(), environment=tools.environment())


def test_the_ordinary_test_of_stacks_memory(tools: Toolchain, c_tests: Path) -> None:
    finished = attempt(
        "meson", "test", "-C", c_tests, "--no-rebuild", "test_stack_memory", environment=tools.environment()
    )
    results = ElementTree.parse(c_tests / "meson-logs/testlog.junit.xml").getroot()
    cases = {case.attrib["name"].rpartition(" ")[2]: case for case in results.iter("testcase")}
    failed = [name for name, case in cases.items() if case.find("failure") is not None]
    assert NOT_EMULATED in cases, finished.stdout
    assert set(failed) <= {NOT_EMULATED}, finished.stdout


# ---- Python ----

PYTHON_PACKAGES = """
    python{0}-minimal:arm64 libpython{0}-minimal:arm64 libpython{0}-stdlib:arm64 libpython{0}-dev:arm64
    libc6:arm64 zlib1g:arm64 libexpat1:arm64
"""


def debian_python() -> str:
    """Return the version of Python in the Debian packages."""
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip(f"the version of the distribution's Python is unknown: there is no {python}")
    return output_of(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()


def test_python_and_native_frames_are_one_stack(build: Build, library: Path, tmp_path: Path) -> None:
    version = debian_python()
    layout = ROOT / f"src/python/frames/pyframes_{version.replace('.', '')}.c"
    if not layout.exists():
        pytest.skip(f"the frames of the distribution's Python {version} are unknown")
    root = unpack(f"aarch64-python{version}", PYTHON_PACKAGES.format(version))
    package = tmp_path / "spprof"
    shutil.copytree(ROOT / "python/spprof", package)
    (package / library.name).symlink_to(library)
    sources = [file for file in (ROOT / "src/python").glob("*/*.c") if not file.name.startswith("pyframes_")]
    folders = sorted({file.parent for file in sources})
    headers = ["", "/aarch64-linux-gnu", f"/python{version}"]
    build.tools.compile(
        *"-std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE -fvisibility=hidden -Wl,-rpath,$ORIGIN".split(),
        '-DSPPROF_VERSION="0.1.0"',
        *(
            f"-I{folder}"
            for folder in [ROOT / "include", ROOT / "src", *folders, *(f"{root}/usr/include{part}" for part in headers)]
        ),
        *sources,
        *(layout, library, "-o", package / "_engine.so"),
    )
    shutil.copyfile(specimen("aarch64/python_and_native_frames"), tmp_path / "program.py")
    variables = f"PYTHONHOME={root}/usr,PYTHONPATH={tmp_path},LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu"
    printed = build.tools.run(
        root / f"usr/bin/python{version}", tmp_path / "program.py", variables=variables, libc=root
    )
    frames, health = printed.splitlines()
    assert re.fullmatch(r"(native )*leaf (native )*middle <module>( native)*", frames), frames
    truncation_rate, depth = health.split()
    assert float(truncation_rate) == 0
    assert int(depth) >= 8  # from the interpreter's main to the program's first function
