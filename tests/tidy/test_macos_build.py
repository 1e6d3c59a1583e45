"""The build for macOS and its check: what the tools read and conclude. `make macos` applies them to real wheels.

The tests below the last heading compile small libraries. They need zig, LIEF and Apple's list: `make macho`.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import find_pythons
import macos_python
import macos_rules
import macos_stubs
import zig_build
from macos_rules import ENGINE_NAME, SYSTEM, Expected, Import, Library

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

# ---- Apple's list

STUBS = """--- !tapi-tbd
tbd-version:     4
targets:         [ x86_64-macos, arm64-macos ]
reexported-libraries:
  - targets:         [ x86_64-macos, arm64-macos ]
    libraries:       [ '/usr/lib/system/libkernel.dylib' ]
exports:
  - targets:         [ x86_64-macos ]
    symbols:         [ '_open$INODE64' ]
  - targets:         [ x86_64-macos,
                       arm64-macos ]
    symbols:         [ '$ld$hide$os12.0$_newer', '$ld$hide$os10.4$_old', _newer, _old,
                       _open ]
    weak-symbols:    [ _weak ]
    thread-local-symbols: [ _local ]
--- !tapi-tbd
install-name:    '/usr/lib/system/libkernel.dylib'
exports:
  - targets:         [ arm64-macos ]
    symbols:         [ _read ]
...
"""


def test_a_list_of_symbols_is_read_by_target_and_system() -> None:
    assert macos_stubs.exports(STUBS, "arm64-macos", "12.0") == {"_old", "_open", "_weak", "_local", "_read"}
    on_intel = macos_stubs.exports(STUBS, "x86_64-macos", "12.0")
    assert on_intel == {"_old", "_open", "_open$INODE64", "_weak", "_local"}
    assert "_newer" in macos_stubs.exports(STUBS, "arm64-macos", "13.0")


# ---- Libraries

ENGINE = Library(
    machine="arm64",
    name=ENGINE_NAME,
    minimum="12.0.0",
    needs=(SYSTEM,),
    rpaths=(),
    imports=frozenset({Import("_open", SYSTEM, False), Import("_newer", SYSTEM, True)}),
    undefined=frozenset({"_open", "_newer"}),
    exports=frozenset({"_spprof_start"}),
    thread_locals=False,
    has_uuid=True,
    signature="",
)
EXPECTED = Expected("arm64", (ENGINE_NAME,), (), {SYSTEM: {"_open"}})


def test_a_library_that_macos_accepts_has_no_fault() -> None:
    assert macos_rules.faults(ENGINE, EXPECTED) == []
    unsigned = replace(ENGINE, machine="x86_64", signature=macos_rules.UNSIGNED)
    assert macos_rules.faults(unsigned, replace(EXPECTED, machine="x86_64")) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"machine": "x86_64"}, "machine: 'x86_64' instead of 'arm64'"),
        ({"name": "libspprof_alloc.dylib"}, "install name: 'libspprof_alloc.dylib'"),
        ({"minimum": "13.0.0"}, "oldest macOS: '13.0.0' instead of '12.0.0'"),
        ({"rpaths": ("/usr/local/lib",)}, "rpaths: ('/usr/local/lib',) instead of ()"),
        ({"needs": (SYSTEM, "/usr/lib/libc++.1.dylib")}, "libraries: "),
        ({"thread_locals": True}, "has thread-local variables"),
        ({"has_uuid": False}, "has no UUID"),
        ({"signature": "missing"}, "code signature: missing"),
        ({"undefined": frozenset({"_open", "_newer", "_stray"})}, "_stray is undefined, but not imported"),
    ],
)
def test_each_fault_of_a_library_is_told(changes: dict, fault: str) -> None:
    (told,) = macos_rules.faults(replace(ENGINE, **changes), EXPECTED)
    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (Import("_os_sync_wait_on_address", SYSTEM, False), f"not exported by {SYSTEM}"),
        (Import("_open", "", False), "is looked up in all libraries"),
        (Import("_open", ENGINE_NAME, False), f"is looked up in {ENGINE_NAME}"),
    ],
)
def test_a_symbol_that_is_not_found_is_told(one: Import, fault: str) -> None:
    broken = replace(ENGINE, imports=frozenset({one}), undefined=frozenset({one.symbol}))
    (told,) = macos_rules.faults(broken, EXPECTED)
    assert one.symbol in told
    assert fault in told


def test_only_the_system_may_lack_what_is_imported_weakly() -> None:
    providers = {SYSTEM: set(), ENGINE_NAME: set(), "": set()}
    faults = {place: macos_rules.import_faults(Import("_x", place, True), providers) for place in providers}
    assert faults[SYSTEM] == []
    assert faults[ENGINE_NAME] == [f"_x is not exported by {ENGINE_NAME}"]
    assert faults[""] == ["_x is not exported by Python"]


# ---- Code signatures

PAGE_BITS = 12


def sign(code: bytes, flags: int = macos_rules.AD_HOC) -> bytes:
    """Return an ad-hoc signature of a file's bytes."""
    pages = [code[start : start + (1 << PAGE_BITS)] for start in range(0, len(code), 1 << PAGE_BITS)]
    hashes = b"".join(hashlib.sha256(page).digest() for page in pages)
    head = struct.pack(
        ">9I4BI", macos_rules.CODE_DIRECTORY, 44 + len(hashes), 0, flags, 44, 0, 0, len(pages), len(code), 32,
        macos_rules.SHA256, 0, PAGE_BITS, 0,
    )  # fmt: skip
    return struct.pack(">5I", macos_rules.SUPER_BLOB, 20 + len(head) + len(hashes), 1, 0, 20) + head + hashes


def test_a_signature_is_compared_with_every_page() -> None:
    code = bytes(range(256)) * 40
    file = code + sign(code)
    assert macos_rules.verify_signature(file, len(code), len(file) - len(code)) == ""
    changed = bytearray(file)
    changed[5000] ^= 1
    assert macos_rules.verify_signature(bytes(changed), len(code), len(file) - len(code)) == "page 1 has another hash"


def test_a_signature_of_another_kind_or_length_is_rejected() -> None:
    code = bytes(5000)
    for signature in (b"", b"\0" * 40, sign(code, flags=0), sign(code[:4000])):
        assert macos_rules.verify_signature(code + signature, len(code), len(signature)) != ""


# ---- Wheels


def test_a_wheel_has_the_files_of_linux_and_the_names_of_macos() -> None:
    files = macos_rules.expected_files("1.2", "14")
    assert {"spprof/libspprof_alloc.dylib", "spprof/_engine.cpython-314-darwin.so", "spprof/cpu.py"} <= files
    wheel = Path("spprof-1.2-cp314-cp314-macosx_12_0_arm64.whl")
    assert macos_rules.wheel_faults(wheel, files) == []
    other = files - {"spprof/cpu.py"} | {"spprof/more.py"}
    assert macos_rules.wheel_faults(wheel, other) == ["lacks spprof/cpu.py", "has spprof/more.py"]


@pytest.mark.parametrize(
    "tags", ["cp314-cp314-macosx_13_0_arm64", "cp314-cp314-linux_x86_64", "cp314-cp313-macosx_12_0_arm64"]
)
def test_a_wheel_with_another_name_is_rejected(tags: str) -> None:
    assert macos_rules.wheel_faults(Path(f"spprof-1.2-{tags}.whl"), []) == ["its name is not one for macOS 12.0"]


# ---- Builds


def test_wheels_are_for_supported_pythons() -> None:
    versions = list(macos_python.RELEASES)
    assert versions == [version for version in find_pythons.VERSIONS if version in versions]
    assert all(release.startswith(f"{version}.") for version, (release, _) in macos_python.RELEASES.items())


def test_meson_and_meson_python_are_told_of_a_mac() -> None:
    known = macos_python.build_time_variables("3.14", "/headers")
    assert (known["EXT_SUFFIX"], known["INCLUDEPY"]) == (".cpython-314-darwin.so", "/headers")
    assert not known["Py_GIL_DISABLED"]


def test_headers_for_the_other_machine_are_taken_if_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macos_python, "DEPENDENCIES", tmp_path)
    intel, own = (tmp_path / "macos-python3.12" / f"macosx-{machine}" for machine in ("x86_64", "arm64"))
    intel.mkdir(parents=True)
    assert macos_python.find("3.12", "arm64") == intel
    own.mkdir()
    assert macos_python.find("3.12", "arm64") == own


def test_the_workflow_runs_what_was_built_on_linux_on_macs_of_both_kinds() -> None:
    workflow = (ROOT / ".github/workflows/macos.yml").read_text(encoding="utf-8")
    for target in ("macos", "demo", "demo-of-wheel", "test-macos"):
        assert re.search(rf"run: make {target}\b", workflow)
    assert workflow.count("machine: [macos-14, macos-15, macos-15-intel]") == 2
    (built,) = re.findall(r'VERSIONS="(.+)"', workflow)
    for tested in re.findall(r"python-version: \[(.+)\]", workflow):
        assert tested.replace('"', "").split(", ") == built.split()


# ---- Compiled libraries

STUBS_FILE = ROOT / "build" / "deps" / "macos-12" / "libSystem.tbd"
present = find_spec("lief") is not None and find_spec("ziglang") is not None and STUBS_FILE.exists()
compiled = pytest.mark.skipif(not present, reason="zig, LIEF or Apple's list is not here: make macho")

PROGRAM = """
#include <pthread.h>
extern int os_sync_wait_on_address(void *address, unsigned long value, unsigned long size, unsigned flags);
EXPORTED int sum(pthread_t thread) {
    CALL
    return pthread_equal(thread, pthread_self());
}
"""


def read_compiled(folder: Path, machine: str, call: str = "") -> Library:
    """Compile the program as our libraries are compiled, and read it."""
    import macos_check

    text = PROGRAM.replace("CALL", call).replace("EXPORTED", '__attribute__((visibility("default")))')
    (folder / "program.c").write_text(text, encoding="utf-8")
    library = folder / "library.dylib"
    flags = ("-shared", "-fvisibility=hidden", "-O2", f"-Wl,-install_name,{ENGINE_NAME}", "-Wl,-S")
    command = (zig_build.zig(), "cc", "-target", f"{MACHINES[machine]}-macos.12.0", *flags, "-o", library)
    environment = {"PATH": os.environ["PATH"], "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig")}
    subprocess.run([*command, folder / "program.c"], env=environment, check=True)
    return macos_check.read(library)


def expected(machine: str) -> Expected:
    exports = macos_stubs.exports(STUBS_FILE.read_text(encoding="utf-8"), f"{machine}-macos", macos_rules.MINIMUM)
    return Expected(machine, (ENGINE_NAME,), (), {SYSTEM: exports})


@compiled
@pytest.mark.parametrize("machine", MACHINES)
def test_a_compiled_library_passes(machine: str, tmp_path: Path) -> None:
    library = read_compiled(tmp_path, machine)
    assert macos_rules.faults(library, expected(machine)) == []
    assert "_sum" in library.exports


@compiled
@pytest.mark.parametrize("machine", MACHINES)
def test_a_function_of_a_newer_macos_is_found(machine: str, tmp_path: Path) -> None:
    library = read_compiled(tmp_path, machine, "os_sync_wait_on_address(&thread, 0, 4, 0);")
    told = macos_rules.faults(library, expected(machine))
    assert told == [f"_os_sync_wait_on_address is not exported by {SYSTEM}"]


@compiled
def test_a_thread_local_variable_is_found(tmp_path: Path) -> None:
    library = read_compiled(tmp_path, "arm64", "static __thread volatile int count; count++;")
    assert any("thread-local" in fault for fault in macos_rules.faults(library, expected("arm64")))


@compiled
def test_a_library_changed_after_it_was_signed_is_found(tmp_path: Path) -> None:
    import macos_check

    read_compiled(tmp_path, "arm64")
    content = bytearray((tmp_path / "library.dylib").read_bytes())
    content[0x800] ^= 1
    (tmp_path / "library.dylib").write_bytes(content)
    assert macos_check.read(tmp_path / "library.dylib").signature == "page 0 has another hash"
