"""Builds manylinux2014 wheels in build/wheels, without Docker.

python3 tools/wheels.py [VERSION...]              for this machine (default: every supported Python found)
python3 tools/wheels.py --aarch64 [VERSION...]    for aarch64: the Pythons in Debian's releases

`zig cc` compiles the engine once and the extension for each Python. It links against the symbols of glibc 2.17, so the
wheels run with that version and every later one. auditwheel then checks each wheel and puts the platform into its name.
The environment that runs this must have tools/requirements-build.txt and tools/requirements-wheels.txt installed.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from pathlib import Path

import dependencies
import find_pythons
import zig_build
from zig_build import DEPENDENCIES, FILES, ROOT, VENVS, run, zig

BUILD = ROOT / "build" / "wheels-build"

GLIBC = "2.17"
NEWEST_MINOR = int(GLIBC.partition(".")[2])

# The only disabled warning is about a GNU extension: the core has structs that contain a struct with a flexible array.
MACHINE_FILE = """[binaries]
c = ['{zig}', 'cc', '-target', '{machine}-linux-gnu.{glibc}']
ar = ['{zig}', 'ar']

[built-in options]
c_args = ['-ffile-prefix-map={root}=.', '-idirafter', '{headers}', '-Wno-gnu-variable-sized-type-not-at-end']
c_link_args = ['-Wl,--build-id=sha1']
"""
HOST_MACHINE = """
[host_machine]
system = 'linux'
cpu_family = '{machine}'
cpu = '{machine}'
endian = 'little'
"""


# ---- Steps


def machine_option(machine: str) -> str:
    """Return the option that makes meson build for a machine, and write the meson file of that machine."""
    file = BUILD / f"{machine}.ini"
    headers = BUILD / "include"
    headers.mkdir(parents=True, exist_ok=True)
    (headers / "crypt.h").touch()  # Python.h of 3.9 and 3.10 may include it; zig's headers of glibc lack it
    text = MACHINE_FILE.format(zig=zig(), machine=machine, glibc=GLIBC, root=ROOT, headers=headers)
    is_native = machine == platform.machine()
    text += "" if is_native else HOST_MACHINE.format(machine=machine)
    zig_build.write_machine_file(file, text, BUILD / machine)
    return f"--{'native' if is_native else 'cross'}-file={file}"


def build_engine(machine: str) -> Path:
    folder = BUILD / machine / "engine"
    zig_build.build_engine(folder, machine_option(machine))
    return folder / "libspprof_alloc.so"


def build_wheel(version: str, interpreter: str, machine: str, engine: Path) -> Path:
    """Build a Python's wheel, tagged for any Linux on that machine."""
    options = (machine_option(machine), f"-Dengine={engine}")
    variables = foreign_python(version) if machine != platform.machine() else {}
    return zig_build.build_wheel(VENVS / version, interpreter, BUILD / machine / version, options, variables)


def name_platform(wheel: Path, machine: str) -> tuple[Path, str]:
    """Return the wheel in build/wheels, named for its platforms, and auditwheel's verdict. Exit if the wheel needs a
    newer glibc.
    """
    auditwheel = (sys.executable, "-m", "auditwheel")
    shown = run(*auditwheel, "show", wheel)
    verdict = re.search(r'platform\s+tag:\s+"(manylinux_\d+_(\d+)_\w+)"', shown)
    if verdict is None or int(verdict[2]) > NEWEST_MINOR:
        sys.exit(f"{shown}\n{wheel.name} does not run with glibc {GLIBC}")
    stem = wheel.name.rpartition("-")[0]
    for old in FILES.glob(f"{stem}-*_{machine}.whl"):
        old.unlink()
    run(*auditwheel, "repair", "--plat", "auto", "--wheel-dir", FILES, wheel)  # auto also handles other machines' names
    (named,) = FILES.glob(f"{stem}-*_{machine}.whl")
    return named, verdict[1]


# ---- Another machine's Python


def foreign_python(version: str) -> dict[str, str]:
    """Return the variables that make this machine's Python build for Debian's aarch64 Python: headers and suffix."""
    home = DEPENDENCIES / f"aarch64-python{version}"
    if not home.exists():
        dependencies.provide(dependencies.aarch64_python(version), home)
    (original,) = home.glob(f"usr/lib/python{version}/_sysconfigdata__aarch64-linux-gnu.py")
    headers = str(home / f"usr/include/python{version}")
    changed = {"INCLUDEPY": headers, "CONFINCLUDEPY": headers, "LIBPC": str(home / "usr/lib/pkgconfig")}
    text = f"{original.read_text(encoding='utf-8')}\nbuild_time_vars.update({changed!r})\n"
    return zig_build.foreign_variables(BUILD / "aarch64" / version / "sysconfig", "aarch64", text, "linux-aarch64")


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--aarch64", action="store_true")
    parser.add_argument("versions", nargs="*")
    asked = parser.parse_args()
    found = find_pythons.find()
    wanted = asked.versions or [v for v in found if not asked.aarch64 or v in dependencies.DEBIAN_PYTHONS]
    missing = [version for version in wanted if version not in found]
    if missing:
        sys.exit(f"no Python {', '.join(missing)} with headers and venv was found; `make pythons` fetches the newest")
    machine = "aarch64" if asked.aarch64 else platform.machine()
    engine = build_engine(machine)
    for version in wanted:
        wheel, verdict = name_platform(build_wheel(version, found[version], machine, engine), machine)
        print(f"{wheel.relative_to(ROOT)}: auditwheel: {verdict}", flush=True)


if __name__ == "__main__":
    main()
